/** Whether the user is reading the list: then no row may move under the pointer or finger. */
export class Reading {
  readonly #isBusy: () => boolean;
  #list: HTMLElement | null = null;

  /** @param isBusy what else keeps rows in their places: an open row, a playing audio, a question that is asked */
  constructor(isBusy: () => boolean) {
    this.#isBusy = isBusy;
  }

  /** Takes the element of the list. */
  readonly listed = (list: HTMLElement | null): void => {
    this.#list = list;
  };

  isReading(): boolean {
    const list = this.#list;
    if (this.#isBusy()) return true;
    if (list === null) return false;
    const selection = getSelection();
    const isSelected = selection !== null && !selection.isCollapsed && selection.containsNode(list, true);
    const isUsed = isSelected || list.matches(":hover") || list.contains(document.activeElement);
    return isUsed || list.getBoundingClientRect().top < 0; // scrolled into
  }
}
