import { printable } from "../../src/printable.ts";
import { useMessages } from "./context.ts";

/** A status; a word that is none of the four is shown as it is. */
export function Badge({ status }: { status: string }) {
  const { status: words } = useMessages();
  const isKnown = status !== "other" && Object.hasOwn(words, status);
  const word = isKnown ? words[status as keyof typeof words] : printable(status);
  return <span class={`badge ${isKnown ? status : "other"}`}>{word}</span>;
}
