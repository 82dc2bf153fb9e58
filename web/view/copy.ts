import { useApp } from "./context.ts";

/** Makes what a press of a button does: it copies a text, which the element before it shows, and announces that. */
export function useCopy() {
  const { confirm, text } = useApp();
  return (value: string, name: string, copied = text.copiedField(name)) =>
    async ({ currentTarget }: { currentTarget: Element }) => {
      const shown = currentTarget.previousElementSibling!;
      // A page that came over plain HTTP has no clipboard.
      const write = async () => navigator.clipboard.writeText(value).then(() => true);
      const isCopied = await write().catch(() => copySelected(value, shown));
      confirm(isCopied ? copied : text.selectedField(name));
    };
}

/** A browser that lets no page copy is left with the element selected that shows the text, for its user to copy. */
function copySelected(value: string, shown: Element): boolean {
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
