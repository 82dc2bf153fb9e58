import { stringify } from "csv-stringify/sync";
import type { Task } from "../task/task.ts";
import { fieldText, isTimeField, itemFields, KNOWN_FIELDS, rawText, type TimeTelling, timeText } from "./item.ts";

const RECORD_COLUMNS = [...KNOWN_FIELDS, "record"];

export function* csvTaskLines(
  tasks: readonly Task[],
  fields: readonly string[],
  telling?: TimeTelling,
): Generator<string> {
  for (const task of tasks) {
    const record = itemFields(task);
    yield csvLine(
      fields.map((field) => {
        const text = fieldText(record.get(field));
        return telling !== undefined && isTimeField(field) ? timeText(text, telling) : text;
      }),
    );
  }
}

export function csvLine(cells: readonly string[]): string {
  return csv(cells, []);
}

function csvOfRecords(tasks: readonly Task[], withHead: boolean): string {
  const rows = tasks.map((task) => [...KNOWN_FIELDS.map((field) => rawText(task, field)!), task.json]);
  const [first, ...rest] = withHead ? [RECORD_COLUMNS, ...rows] : rows;
  return first === undefined ? "" : csv(first, rest);
}

export function* csvOfRows(columns: readonly string[], rows: Iterable<readonly string[]>): Generator<string> {
  yield csvLine(columns);
  for (const row of rows) yield csvLine(row);
}

/** An apostrophe precedes texts that a spreadsheet would read as a formula. */
function csv(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  return stringify([columns, ...rows] as string[][], { escape_formulas: true });
}

export type ExportFormat = "jsonl" | "json" | "csv";

/** The text of an export, in pieces. Each record keeps its bytes, with the service's own status. */
export function exportText(format: ExportFormat) {
  let isFirst = true;
  return {
    *of(tasks: readonly Task[]): Generator<string> {
      if (format === "csv") yield csvOfRecords(tasks, isFirst);
      else if (format === "jsonl") for (const { json } of tasks) yield `${json}\n`;
      else yield* tasks.map(({ json }, i) => `${isFirst && i === 0 ? "[" : ","}\n${json}`);
      if (format === "csv" || tasks.length > 0) isFirst = false;
    },
    *end(): Generator<string> {
      if (format === "json") yield isFirst ? "[]\n" : "\n]\n";
      if (format === "csv") yield csvOfRecords([], isFirst);
    },
  };
}
