import { stringify } from "csv-stringify/sync";
import { type JsonValue, jsonOf } from "../json/value.ts";
import type { Task } from "../task/task.ts";
import { itemFields } from "./item.ts";

const FIRST = ["user_id", "task_id", "status", "error", "created_at", "updated_at"];
const RECORD_COLUMNS = [...FIRST, "record"];

/** Tasks as CSV with a head: the known fields first, then the others as they turn up. */
export function csvOfTasks(tasks: readonly Task[]): string {
  const records = tasks.map(itemFields);
  const columns = [...new Set([...FIRST, ...records.flatMap((record) => [...record.keys()])])];
  return csv(
    columns,
    records.map((record) => columns.map((column) => cell(record.get(column)))),
  );
}

/** Tasks as an export has them: the known fields for people, and the whole record as JSON, which alone is taken back. */
export function csvOfRecords(tasks: readonly Task[], withHead: boolean): string {
  const rows = tasks.map((task) => [
    ...[task.userId, task.taskId, task.status, task.error, task.createdAt, task.updatedAt, task.json],
  ]);
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
  yield csv(columns, []);
  for (const row of rows) yield csv(row, []);
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
