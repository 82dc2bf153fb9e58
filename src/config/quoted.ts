import { printableJson } from "../printable.ts";

/** Longer texts are cut: a message is one line. */
const LONGEST = 100;

/** A text of the operator's in a message. */
export function quoted(text: string): string {
  return printableJson(text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);
}
