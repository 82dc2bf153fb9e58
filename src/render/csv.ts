import { stringify } from "csv-stringify/sync";
import type { Task } from "../task/task.ts";
import { fieldText, itemFields, KNOWN_FIELDS, rawText, type TimeTelling, timeText } from "./item.ts";

export function* csvTaskLines(tasks: readonly Task[], fields: readonly string[], telling: TimeTelling) {
  for (const task of tasks) {
    const record = itemFields(task);
    yield csvOf([fields.map((field) => timeText(field, fieldText(record.get(field)), telling))]);
  }
}

function csvOfRecords(tasks: readonly Task[], withHead: boolean): string {
  const rows = tasks.map((task) => [...KNOWN_FIELDS.map((field) => rawText(task, field)!), task.json]);
  return csvOf(withHead ? [[...KNOWN_FIELDS, "record"], ...rows] : rows);
}

export function* csvOfRows(columns: readonly string[], rows: Iterable<readonly string[]>): Generator<string> {
  yield csvOf([columns]);
  for (const row of rows) yield csvOf([row]);
}

/** An apostrophe precedes texts that a spreadsheet would read as a formula. */
export function csvOf(rows: readonly (readonly string[])[]): string {
  return stringify(rows as string[][], { escape_formulas: true });
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
