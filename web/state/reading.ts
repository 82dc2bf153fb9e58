import { createRef } from "preact";

/** Whether the user is reading the list: then its rows keep their places. A pointer that rests on it doesn't count. */
export class Reading {
  readonly list = createRef<HTMLOListElement>();
  #isPressed = false;

  /** @param isBusy what else keeps rows in their places: an open row, a playing audio, a question that is asked */
  constructor(private readonly isBusy: () => boolean) {
    // A row must not move between press and release.
    addEventListener("pointerdown", () => (this.#isPressed = true), true);
    for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => (this.#isPressed = false), true);
  }

  isReading(): boolean {
    const list = this.list.current;
    if (this.isBusy() || this.#isPressed) return true;
    if (list === null) return false;
    const selection = getSelection();
    const isSelected = selection !== null && !selection.isCollapsed && selection.containsNode(list, true);
    return isSelected || list.querySelector(":focus-visible") !== null || list.getBoundingClientRect().top < 0;
  }
}
