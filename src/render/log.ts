import { printable } from "../printable.ts";

/** Lines of a log with a head as of tail(1), and as a terminal would show them: of a progress bar only its end. */
export function* logText({ path, lines }: { path: string; lines: string[] }, withHead = true): Generator<string> {
  if (withHead) yield `==> ${printable(path)} <==\n`;
  for (const line of lines) yield `${printable(line.slice(line.lastIndexOf("\r") + 1))}\n`;
}
