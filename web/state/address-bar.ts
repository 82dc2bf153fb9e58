import { effect } from "@preact/signals";
import { hashOf, type Place, placeOf } from "../model/filter.ts";
import type { TaskList } from "./task-list.ts";

/** The place that the address names, with the ids that were too many for it. */
export function currentPlace(): Place {
  return placeOf(location.hash, history.state);
}

/** Keeps the address and the list in step: each place is a step of the browser's history. */
export function followAddress(tasks: TaskList, pageSize: () => number): void {
  let isFirst = true;
  effect(() => {
    const { hash, taskIds } = hashOf(tasks.request.value);
    if (hash !== location.hash.slice(1) || JSON.stringify(taskIds) !== JSON.stringify(history.state)) {
      const address = hash === "" ? location.pathname + location.search : `#${hash}`;
      // An address that somebody wrote by hand is put right.
      if (isFirst) history.replaceState(taskIds, "", address);
      else history.pushState(taskIds, "", address);
    }
    isFirst = false;
  });
  addEventListener("popstate", () => {
    const place = currentPlace();
    if (JSON.stringify(hashOf(place)) !== JSON.stringify(hashOf(tasks.request.value))) {
      void tasks.open(place, pageSize());
    }
  });
}
