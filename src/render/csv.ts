import { stringify } from "csv-stringify/sync";
import { type JsonValue, jsonOf } from "../json/value.ts";
import type { Task } from "../task/task.ts";
import { isTimeField, itemFields, KNOWN_FIELDS, rawText, type TimeTelling, timeText } from "./item.ts";

const RECORD_COLUMNS = [...KNOWN_FIELDS, "record"];

/** The fields of some tasks as CSV columns: the known ones first, then the others as they turn up. */
export function csvFields(tasks: readonly Task[], before: readonly string[] = KNOWN_FIELDS): string[] {
  return [...new Set([...before, ...tasks.flatMap((task) => [...itemFields(task).keys()])])];
}

/** Tasks under a head. */
export function csvOfTasks(tasks: readonly Task[]): string {
  const fields = csvFields(tasks);
  return csvLine(fields) + [...csvTaskLines(tasks, fields)].join("");
}

/** A line for each task, with these fields. */
export function* csvTaskLines(
  tasks: readonly Task[],
  fields: readonly string[],
  telling?: TimeTelling,
): Generator<string> {
  for (const task of tasks) {
    const record = itemFields(task);
    yield csvLine(
      fields.map((field) => {
        const text = cell(record.get(field));
        return telling !== undefined && isTimeField(field) ? timeText(text, telling) : text;
      }),
    );
  }
}

/** One row. */
export function csvLine(cells: readonly string[]): string {
  return csv(cells, []);
}

/** Tasks as an export has them: the known fields for people, and the whole record as JSON, which alone is taken back. */
function csvOfRecords(tasks: readonly Task[], withHead: boolean): string {
  const rows = tasks.map((task) => [...KNOWN_FIELDS.map((field) => rawText(task, field)!), task.json]);
  const [first, ...rest] = withHead ? [RECORD_COLUMNS, ...rows] : rows;
  return first === undefined ? "" : csv(first, rest);
}

/** One flat object as CSV. */
export function csvOfObject(object: Record<string, unknown>): string {
  const cells = Object.values(object).map((value) =>
    typeof value === "object" ? JSON.stringify(value) : String(value),
  );
  return csv(Object.keys(object), [cells]);
}

/** Rows under a head, in pieces. */
export function* csvOfRows(columns: readonly string[], rows: Iterable<readonly string[]>): Generator<string> {
  yield csvLine(columns);
  for (const row of rows) yield csvLine(row);
}

/** A spreadsheet takes a cell that begins with = + - @ for a formula: such a text gets an apostrophe. */
function csv(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  return stringify([columns, ...rows] as string[][], { escape_formulas: true });
}

function cell(value: JsonValue | undefined): string {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value) || value instanceof Map) return jsonOf(value);
  return String(value);
}

/** How an export is written: JSON Lines, an array of records a line each, or CSV. */
export type ExportFormat = "jsonl" | "json" | "csv";

/** The text of an export, piece by piece: each record in its own bytes, the service's own status in it. */
export class ExportText {
  readonly #format: ExportFormat;
  #isFirst = true;

  constructor(format: ExportFormat) {
    this.#format = format;
  }

  /** The text of the next tasks. */
  *of(tasks: readonly Task[]): Generator<string> {
    if (this.#format === "csv") yield csvOfRecords(tasks, this.#isFirst);
    else if (this.#format === "jsonl") for (const { json } of tasks) yield `${json}\n`;
    else yield* tasks.map(({ json }, i) => `${this.#isFirst && i === 0 ? "[" : ","}\n${json}`);
    if (this.#format === "csv" || tasks.length > 0) this.#isFirst = false;
  }

  /** What ends it. */
  *end(): Generator<string> {
    if (this.#format === "json") yield this.#isFirst ? "[]\n" : "\n]\n";
    if (this.#format === "csv") yield csvOfRecords([], this.#isFirst);
  }
}
