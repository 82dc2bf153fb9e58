import { FIELDS, RECORD_FIELDS } from "../json/fields.ts";
import { Spans, scanRecord } from "../json/record.ts";
import { type JsonValue, jsonOf, parseJsonValue } from "../json/value.ts";
import type { ListResult } from "../store/task-store.ts";
import { formatAge } from "../task/amounts.ts";
import { camelCase } from "../task/query-fields.ts";
import { shownStatus } from "../task/status.ts";
import { FIELD, type Task } from "../task/task.ts";
import { formatInZone, type TimeReader, type Zone } from "../task/time.ts";

const spans = new Spans();

/** The whole record as compact JSON, with the shown status and trimmed ids (docs/contract.md, Commands). */
export function itemJson({ json, userId, taskId, status }: Task): string {
  const bytes = Buffer.from(json);
  scanRecord(bytes, 0, bytes.length, spans);
  const shown = [
    { field: FIELD.user_id, text: userId },
    { field: FIELD.task_id, text: taskId },
    { field: FIELD.status, text: shownStatus(status) },
  ].sort((a, b) => spans.from(a.field) - spans.from(b.field));
  let [item, done] = ["", 0];
  for (const { field, text } of shown) {
    if (text === undefined || !spans.has(field)) continue;
    item += bytes.toString("utf8", done, spans.from(field)) + JSON.stringify(text);
    done = spans.end(field);
  }
  return item + bytes.toString("utf8", done);
}

/** The shown record as a value; numbers keep their text. */
export function itemFields(task: Task): Map<string, JsonValue> {
  return parseJsonValue(itemJson(task)) as Map<string, JsonValue>;
}

/** A text as it is, anything else as JSON. */
export function valueText(value: JsonValue): string {
  return typeof value === "string" ? value : jsonOf(value);
}

/** As `valueText`, and nothing for null. */
export function fieldText(value: JsonValue = null): string {
  return value === null ? "" : valueText(value);
}

/** The shown word, else the service's own. */
export function statusText(task: Task): string {
  return shownStatus(task.status) ?? task.status;
}

const KNOWN = new Map<string, keyof Task>(
  FIELDS.filter((field) => field !== "deleted").map((field) => [field, camelCase(field) as keyof Task]),
);
export const KNOWN_FIELDS = [...KNOWN.keys()];

/** The fields of tasks: first the known ones, then the others as they occur. */
export function fieldsOf(tasks: readonly Task[], before: readonly string[] = KNOWN_FIELDS): string[] {
  return [...new Set([...before, ...tasks.flatMap((task) => [...itemFields(task).keys()])])];
}

/** A known field as the service wrote it; undefined for any other. */
export function rawText(task: Task, field: string): string | undefined {
  const key = KNOWN.get(field);
  return key === undefined ? undefined : String(task[key]);
}

/** @param record needed for an unknown field */
export function cellText(task: Task, field: string, record: Map<string, JsonValue> | null): string {
  return field === "status" ? statusText(task) : (rawText(task, field) ?? fieldText(record?.get(field)));
}

/** `list -o json` (docs/contract.md, Commands). */
export function pageJson(result: ListResult): string {
  const [head, tail] = [JSON.stringify(pageHead(result)).slice(0, -1), JSON.stringify(pageTail(result)).slice(1)];
  return `${head},"items":[${result.tasks.map(itemJson).join(",")}],${tail}\n`;
}

export function pageHead({ total, page, pageSize, source }: ListResult) {
  return { total, page, pageSize, source };
}

export function pageTail({ missing, dangling, stopped }: ListResult) {
  return { missing, dangling, stopped };
}

/** As written, with the offset of the service's zone, or as `3m`. */
export const TIME_STYLES = ["raw", "iso", "age"] as const;
export type TimeStyle = (typeof TIME_STYLES)[number];

export interface TimeTelling {
  readonly style: TimeStyle;
  readonly times: TimeReader;
  readonly zone: Zone;
  /** Epoch seconds. */
  readonly now: number;
}

/** A time of a record for people. Other fields and texts are unchanged. */
export function timeText(field: string, text: string, { style, times, zone, now }: TimeTelling): string {
  if (!field.endsWith("_at") || style === "raw" || text === "") return text;
  const epoch = times.epochOf(text);
  if (!Number.isFinite(epoch)) return text;
  if (style === "iso") return formatInZone(epoch, zone);
  return epoch <= now ? formatAge(now - epoch) : relativeTime(now - epoch);
}

/** `3m ago`, `in 2h`, `now`, rounded down. @param age seconds */
export function relativeTime(age: number): string {
  if (Math.abs(age) < 1) return "now";
  return age < 0 ? `in ${formatAge(-age)}` : `${formatAge(age)} ago`;
}

const SHOWN = [...RECORD_FIELDS]
  .filter(([, { place }]) => place !== undefined)
  .sort(([, a], [, b]) => a.place! - b.place!)
  .map(([field, { short = field, narrow = false }]) => ({ field, short, narrow }));
const NARROW = SHOWN.filter(({ narrow }) => narrow);
export const COLUMNS = { table: NARROW.map(({ short }) => short), wide: SHOWN.map(({ short }) => short) };

export const KNOWN_COLUMNS = [...new Set(SHOWN.flatMap(({ field, short }) => [short, field]))];

/** The field of a column. An unknown name is a field of the record. */
export function fieldOf(column: string): string {
  const name = column.toLowerCase();
  return SHOWN.find(({ field, short }) => field === name || short === name)?.field ?? column;
}
