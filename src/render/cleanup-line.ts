import type { PurgedTask } from "../operations/purge/tally.ts";
import { isPrintable, printableJson } from "../printable.ts";
import type { LogEvent } from "./log-line.ts";

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
export function logValue(text: string): string {
  return ONE_WORD.test(text) && isPrintable(text) ? text : printableJson(text);
}
