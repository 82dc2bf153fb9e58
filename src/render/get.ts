import { jsonOf } from "../json/value.ts";
import type { GetResult } from "../operations/get.ts";
import { printable } from "../printable.ts";
import { formatBytes, formatLength } from "../task/amounts.ts";
import type { Task } from "../task/task.ts";
import { itemFields, itemJson, statusText } from "./item.ts";
import { pairTable, type TableStyle } from "./table.ts";
import { fits, truncateText, widthOf } from "./width.ts";

/** `get -o json` (SPEC section 5). */
export function getJson({ source, task, file, redis, invalid, artifacts, log }: GetResult): string {
  const item = task === null ? "null" : itemJson(task);
  const copy = (of: Task | null) => of?.json ?? "null";
  const parts = [
    `"source":${JSON.stringify(source)}`,
    `"item":${item}`,
    `"file":${file === null ? (invalid?.json ?? "null") : copy(file)}`,
    `"redis":${copy(redis)}`,
  ];
  parts.push(`"artifacts":${JSON.stringify(artifacts)}`);
  if (log !== null) parts.push(`"log":${JSON.stringify(log)}`);
  return `{${parts.join(",")}}`;
}

/**
 * Rows for people: a field a row; two columns of values where the copies differ.
 * @param width columns of the terminal, so that a difference is not in what has to be cut off; null: nothing is cut
 */
export function getRows({ task, file, redis }: GetResult, width: number | null = null): string[][] {
  if (task === null) return [];
  const differ = file !== null && redis !== null && file.json !== redis.json;
  if (!differ) return [...itemFields(task)].map(([name, value]) => [name, text(jsonOf(value))]);
  const [fields, others] = [itemFields(file), itemFields(redis)];
  const names = [...new Set([...fields.keys(), ...others.keys()])];
  const column = width === null ? Number.POSITIVE_INFINITY : valueColumn(width, names);
  const rows = names.map((name) => {
    const values = [fields.get(name), others.get(name)].map((value) =>
      value === undefined ? "-" : text(jsonOf(value)),
    );
    if (values[0] === values[1]) return ["", name, ...values];
    return ["*", name, ...fromDifference(values, column)];
  });
  return [["", "", "FILE", "REDIS"], ...rows];
}

/** The columns that each of two values gets, beside the mark and the name, with two spaces between all of them. */
function valueColumn(width: number, names: readonly string[]): number {
  const taken = 1 + Math.max(...names.map((name) => widthOf(name))) + 3 * 2;
  return Math.floor((width - taken) / 2);
}

/** What shows of the text around a difference, in columns. */
const BEFORE = 6;
const AFTER = 12;

/** Two values that do not fit, and are alike for so long that their difference would be cut off, begin shortly before it. */
function fromDifference(values: string[], column: number): string[] {
  if (values.every((value) => fits(value, column))) return values;
  const [a = [], b = []] = values.map((value) => [...value]);
  let same = 0;
  while (same < a.length && a[same] === b[same]) same++;
  if (same <= BEFORE || fits(a.slice(0, same).join(""), column - AFTER)) return values;
  return [a, b].map((characters) => `…${characters.slice(same - BEFORE).join("")}`);
}

function text(json: string): string {
  return json.startsWith('"') ? (JSON.parse(json) as string) : json;
}

/** Who has the task, in a line. */
export function getTitle({ file, redis, task }: GetResult): string {
  const where = file !== null && redis !== null ? "in both stores" : file !== null ? "in the file" : "in Redis";
  return task === null ? "" : `${task.userId}:${task.taskId} is ${statusText(task)}, ${where}`;
}

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
