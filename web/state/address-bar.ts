import { effect } from "@preact/signals";
import { hashOf, type Place, placeOf } from "../model/filter.ts";
import type { App } from "./app.ts";

/** The place that the address names, with what was too long for it. */
export function currentPlace(): Place {
  return placeOf(location.hash, history.state);
}

/** Keeps address and list in sync: each place is an entry of the browser's history. */
export function followAddress({ tasks, visit }: App): void {
  const shown = () => {
    const { filter, page } = tasks.request.value;
    return hashOf({ filter, page, task: tasks.task.value });
  };
  let isFirst = true;
  let visits = 0;
  const update = () => {
    const { hash, state } = shown();
    if (hash === location.hash.slice(1) && JSON.stringify(state) === JSON.stringify(history.state)) return;
    const address = hash === "" ? location.pathname + location.search : `#${hash}`;
    // An address typed by hand is normalized.
    if (isFirst) history.replaceState(state, "", address);
    else history.pushState(state, "", address);
  };
  effect(() => {
    update();
    isFirst = false;
  });
  addEventListener("popstate", () => {
    // A list that is asked for isn't in the address yet: Back is from it, not from the shown one.
    if (visits === 0 && tasks.stay()) return update();
    const place = currentPlace();
    if (JSON.stringify(hashOf(place)) === JSON.stringify(shown())) return;
    visits++;
    void visit(place).finally(() => visits--);
  });
}
