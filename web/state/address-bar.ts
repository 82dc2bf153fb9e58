import { effect } from "@preact/signals";
import { hashOf, placeOf } from "../model/filter.ts";
import type { TaskList } from "./task-list.ts";

/** Keeps the address and the list in step: each place is a step of the browser's history. */
export function followAddress(tasks: TaskList, pageSize: () => number): void {
  let isFirst = true;
  effect(() => {
    const hash = hashOf(tasks.request.value);
    if (hash !== location.hash.slice(1)) {
      const address = hash === "" ? location.pathname + location.search : `#${hash}`;
      // An address that somebody wrote by hand is put right.
      if (isFirst) history.replaceState(null, "", address);
      else history.pushState(null, "", address);
    }
    isFirst = false;
  });
  addEventListener("popstate", () => {
    const place = placeOf(location.hash);
    if (hashOf(place) !== hashOf(tasks.request.value)) void tasks.open(place, pageSize());
  });
}
