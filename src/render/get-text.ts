import type { GetResult } from "../operations/get.ts";
import { printable } from "../printable.ts";
import { formatBytes } from "../task/bytes.ts";
import { formatLength } from "../task/play-length.ts";
import { getRows, getTitle } from "./get.ts";
import { pairTable, type TableStyle } from "./table.ts";
import { truncateText } from "./unicode.ts";
import { widthOf } from "./width.ts";

/** A task for people: a line that says who has it, its fields, its files, and the lines of its logs if asked for. */
export function* getText(result: GetResult, style: TableStyle): Generator<string> {
  if (result.task !== null) {
    yield `${printable(getTitle(result))}\n`;
    yield pairTable(getRows(result, style.width), style);
    yield* fileLines(result, style.width);
  } else if (result.invalid !== null) yield `${printable(result.invalid.json)}\n`;
  else return;
  yield* logLines(result);
}

function* fileLines({ artifacts }: GetResult, width: number | null): Generator<string> {
  if (artifacts.length === 0) yield "no audio, no logs\n";
  for (const { path, bytes, seconds, damaged } of artifacts) {
    const length = seconds === undefined ? "" : `  ${formatLength(seconds)}`;
    const rest = `  ${formatBytes(bytes)}${length}${damaged ? "  damaged" : ""}`;
    yield `${shortened(printable(path), width === null ? null : width - rest.length)}${rest}\n`;
  }
}

/** A path that is too long gives way in its middle, so that its file name stays. */
function shortened(path: string, width: number | null): string {
  if (width === null || widthOf(path) <= width) return path;
  return truncateText(path, Math.max(10, width - 1), { position: "middle" });
}

function* logLines({ log }: GetResult): Generator<string> {
  if (log?.length === 0) yield "no log\n";
  for (const { path, lines } of log ?? []) {
    yield `${logHead(path)}\n`;
    for (const line of lines) yield `${logText(line)}\n`;
  }
}

/** What stands above the lines of a log, as tail(1) writes it. */
export function logHead(path: string): string {
  return `==> ${printable(path)} <==`;
}

/** A line of a log as a terminal would end up showing it: a progress bar is what was last drawn of it. */
export function logText(line: string): string {
  return printable(line.slice(line.lastIndexOf("\r") + 1));
}
