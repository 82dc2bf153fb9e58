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
    return this.#isBusy() || (list !== null && (isUsed(list) || isScrolledInto(list)));
  }
}

function isUsed(list: HTMLElement): boolean {
  const selection = getSelection();
  const isSelected = selection !== null && !selection.isCollapsed && selection.containsNode(list, true);
  return isSelected || list.matches(":hover") || list.contains(document.activeElement);
}

function isScrolledInto(list: HTMLElement): boolean {
  return list.getBoundingClientRect().top < 0;
}
