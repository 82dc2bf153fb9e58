import { useApp } from "./context.ts";

/** Copies a text from the element that shows it, and announces that, or that it is selected. */
export function useCopy() {
  const { confirm, text } = useApp();
  return async (value: string, shown: HTMLElement, name: string, copied = text.copiedField(name)) => {
    confirm((await copyText(value, shown)) ? copied : text.selectedField(name));
  };
}

/**
 * Copies a text. A browser that lets no page copy is left with the element selected, for its user to copy.
 * @param shown the element that shows the text
 */
async function copyText(value: string, shown: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(value);
    return true;
  } catch {
    return copySelected(value, shown); // a page that came over plain HTTP has no clipboard
  }
}

function copySelected(value: string, shown: HTMLElement): boolean {
  const fill = (event: ClipboardEvent) => {
    event.clipboardData?.setData("text/plain", value);
    event.preventDefault();
  };
  const selection = getSelection()!;
  if (shown instanceof HTMLTextAreaElement) shown.select();
  else selection.selectAllChildren(shown);
  document.addEventListener("copy", fill);
  const isCopied = document.execCommand("copy");
  document.removeEventListener("copy", fill);
  if (isCopied) selection.removeAllRanges();
  return isCopied;
}
