import { printable } from "../../src/printable.ts";

/** More than this of a text is not looked at for one line. */
const LONGEST_LINE = 400;

/** Any text of a task in one line. Its writing direction stays its own, and what has no width is made visible. */
export function Line({ text }: { text: string }) {
  return <bdi>{printable(text.length > LONGEST_LINE ? `${text.slice(0, LONGEST_LINE).toWellFormed()}…` : text)}</bdi>;
}

/** The same with its line breaks. */
export function Lines({ text }: { text: string }) {
  return <bdi class="lines">{text.split(/\r?\n/).map(printable).join("\n")}</bdi>;
}
