import type { PlanSummary } from "../operations/brake.ts";
import type { DoneItems } from "../operations/reporter.ts";
import { isPrintable, printable, printableJson } from "../printable.ts";
import { memberOf } from "../task/ids.ts";

type LogLevel = "info" | "warn" | "error";

/** What a log line says besides its message, for programs. */
export type LogFields = Readonly<Record<string, string | number | boolean | null>>;

/** Something that is said on stderr. */
export interface LogEvent {
  readonly level: LogLevel;
  readonly msg: string;
  readonly fields?: LogFields;
}

/** An event as one JSON object: `time` (ISO 8601, UTC), `level`, `msg`, and its fields. */
export function logLine({ level, msg, fields }: LogEvent, now: number): string {
  return printableJson({ time: new Date(now * 1000).toISOString(), level, msg, ...fields });
}

type Event = keyof DoneItems;

/** The fields of a line, in their order: as items name them, and as lines do. */
const FIELDS = Object.entries({
  userId: "user",
  taskId: "task",
  path: "path",
  reason: "reason",
  from: "from",
  to: "to",
  local: "local",
  redis: "redis",
  files: "files",
  bytes: "bytes",
});
const WORDS = { cleanup: "purged", mark: "marked", orphan: "removed" } as const;

/** A line such as `[CLEANUP] user=alice task=t01 ...` (SPEC section 6); in a dry run it says so. */
export function doneLine<E extends Event>(event: E, item: DoneItems[E], dryRun = false): string {
  const fields = Object.entries(fieldsOf(item)).map(([name, value]) => ` ${name}=${textOf(value)}`);
  return `[${event.toUpperCase()}]${fields.join("")}${dryRun ? " dry-run=yes" : ""}`;
}

/** The same for a log of JSON objects. */
export function doneEvent<E extends Event>(event: E, item: DoneItems[E], dryRun: boolean): LogEvent {
  const msg = dryRun ? `would be ${WORDS[event]}` : WORDS[event];
  return { level: "info", msg, fields: { event, ...fieldsOf(item), dryRun } };
}

function fieldsOf(item: DoneItems[Event]): LogFields {
  const values = item as unknown as Record<string, LogFields[string]>;
  const fields: Record<string, LogFields[string]> = {};
  for (const [name, shown] of FIELDS) if (name in values) fields[shown] = values[name]!;
  return fields;
}

/** What a log reader can split at spaces and at `=`. */
const ONE_WORD = /^[^\s"=]+$/;

/** A text is printed as it is, or as a JSON string if it is more than one word or could steer a terminal. */
function textOf(value: LogFields[string] | undefined): string {
  if (typeof value === "boolean") return value ? "yes" : "no";
  const text = String(value);
  return ONE_WORD.test(text) && isPrintable(text) ? text : printableJson(text);
}

/** The first tasks of a plan and its counts by status, for the question before it is carried out. */
export function planLines({ count, byStatus, first }: PlanSummary): string {
  const names = first.map(({ userId, taskId, status }) => `  ${printable(memberOf(userId, taskId))} (${status})`);
  const more = count > first.length ? [`  and ${count - first.length} more`] : [];
  const counts = [...byStatus].map(([status, tasks]) => `${tasks} ${status}`).join(", ");
  return `${[...names, ...more, `in all ${count}: ${counts}`].join("\n")}\n`;
}

/** Says which of the ids that were asked for are nowhere. */
export function notFound(ids: readonly string[]): string {
  return `not found: ${ids.map((id) => printableJson(id)).join(", ")}`;
}
