import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { useApp, useMessages } from "./context.ts";
import { Icon, IconButton } from "./parts.tsx";
import { Scrollable } from "./scrollable.tsx";

/** The fields that can be copied by a button. */
const COPIED = ["user_id", "task_id", "text", "error"] as const;

/** The value of a field, and a button that copies it if there is something to copy. */
export function FieldValue({ name, value, children }: { name: string; value: string; children: ComponentChildren }) {
  const text = useMessages();
  const copy = useCopy();
  const box = useRef<HTMLDivElement>(null);
  const copied = COPIED.find((known) => known === name);
  const word = copied === undefined || value === "" || value === "null" ? null : text.copyNames[copied];
  return (
    <>
      <div ref={box} class="field-value">
        <Scrollable name={name}>{children}</Scrollable>
      </div>
      {word === null ? null : (
        <IconButton name="copy" label={text.copyField(word)} press={() => void copy(value, box.current!, word)} />
      )}
    </>
  );
}

/** Copies a text that isn't shown. */
export function CopyText({ word, value }: { word: string; value: string }) {
  const text = useMessages();
  const copy = useCopy();
  const field = useRef<HTMLTextAreaElement>(null);
  return (
    <>
      <button type="button" class="button" onClick={() => void copy(value, field.current!, word)}>
        <Icon name="copy" />
        {text.copyField(word)}
      </button>
      <textarea ref={field} class="visually-hidden" readOnly tabIndex={-1} aria-label={word} value={value} />
    </>
  );
}

/** Copies a text from the element that shows it, and announces that, or that it is selected. */
export function useCopy() {
  const { confirm } = useApp();
  const text = useMessages();
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
