import type { MarkedTask } from "../operations/mark/types.ts";
import { logValue } from "./cleanup-line.ts";
import type { LogEvent } from "./log-line.ts";

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
