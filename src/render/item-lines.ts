import type { MarkedTask } from "../operations/mark/types.ts";
import type { Orphan } from "../operations/orphans/types.ts";
import type { PlanSummary } from "../operations/plan-summary.ts";
import type { PurgedTask } from "../operations/purge/tally.ts";
import { isPrintable, printable, printableJson } from "../printable.ts";
import { memberOf } from "../task/ids.ts";

type LogLevel = "info" | "warn" | "error";

/** What a log line says besides its message, for programs. */
type LogFields = Readonly<Record<string, string | number | boolean | null>>;

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

/** What a log reader can split at spaces and at `=`. */
const ONE_WORD = /^[^\s"=]+$/;

/** One `[CLEANUP]` line (SPEC section 6); in a dry run it says so. */
export function cleanupLine(task: PurgedTask, dryRun = false): string {
  const yesNo = (flag: boolean) => (flag ? "yes" : "no");
  const what = `user=${logValue(task.userId)} task=${logValue(task.taskId)} reason=${task.reason}`;
  const where = `local=${yesNo(task.local)} redis=${yesNo(task.redis)} files=${task.files} bytes=${task.bytes}`;
  return `[CLEANUP] ${what} ${where}${dryRun ? " dry-run=yes" : ""}`;
}

/** The same for a log of JSON objects. */
export function cleanupEvent({ userId: user, taskId: task, ...rest }: PurgedTask, dryRun: boolean): LogEvent {
  const { reason, local, redis, files, bytes } = rest;
  const fields = { event: "cleanup", user, task, reason, local, redis, files, bytes, dryRun };
  return { level: "info", msg: dryRun ? "would be purged" : "purged", fields };
}

/** A value of a log line: as it is, or a JSON string where it is more than one word or could steer a terminal. */
function logValue(text: string): string {
  return ONE_WORD.test(text) && isPrintable(text) ? text : printableJson(text);
}

/** One `[MARK]` line, as a `[CLEANUP]` line is; in a dry run it says so. */
export function markLine({ userId, taskId, from, local, redis }: MarkedTask, to: string, dryRun = false): string {
  const yesNo = (flag: boolean | "unknown") => (flag === "unknown" ? flag : flag ? "yes" : "no");
  const what = `[MARK] user=${logValue(userId)} task=${logValue(taskId)} from=${from} to=${to}`;
  return `${what} local=${yesNo(local)} redis=${yesNo(redis)}${dryRun ? " dry-run=yes" : ""}`;
}

/** The same for a log of JSON objects. */
export function markEvent({ userId: user, taskId: task, ...rest }: MarkedTask, to: string, dryRun: boolean): LogEvent {
  const { from, local, redis } = rest;
  const fields = { event: "mark", user, task, from, to, local, redis, dryRun };
  return { level: "info", msg: dryRun ? "would be marked" : "marked", fields };
}

/** One `[ORPHAN]` line; in a dry run it says so. */
export function orphanLine({ path, files, bytes }: Orphan, dryRun: boolean): string {
  return `[ORPHAN] path=${logValue(path)} files=${files} bytes=${bytes}${dryRun ? " dry-run=yes" : ""}`;
}

/** The same for a log of JSON objects. */
export function orphanEvent({ path, files, bytes }: Orphan, dryRun: boolean): LogEvent {
  const fields = { event: "orphan", path, files, bytes, dryRun };
  return { level: "info", msg: dryRun ? "would be removed" : "removed", fields };
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
