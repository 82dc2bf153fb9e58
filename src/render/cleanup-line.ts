import type { PurgedTask } from "../operations/purge/tally.ts";
import { jsonText, type LogEvent } from "./log-line.ts";

// Besides what SPEC section 6 names, characters that could steer a terminal.
const PLAIN = /^[^\s"=\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+$/u;

/** One `[CLEANUP]` line (SPEC section 6); in a dry run it says so. */
export function cleanupLine(task: PurgedTask, dryRun = false): string {
  const yesNo = (flag: boolean) => (flag ? "yes" : "no");
  return [
    `[CLEANUP] user=${logValue(task.userId)} task=${logValue(task.taskId)} reason=${task.reason}`,
    `local=${yesNo(task.local)} redis=${yesNo(task.redis)} files=${task.files} bytes=${task.bytes}`,
    ...(dryRun ? ["dry-run=yes"] : []),
  ].join(" ");
}

/** The same for a log of JSON objects. */
export function cleanupEvent({ userId: user, taskId: task, ...rest }: PurgedTask, dryRun: boolean): LogEvent {
  const { reason, local, redis, files, bytes } = rest;
  const fields = { event: "cleanup", user, task, reason, local, redis, files, bytes, dryRun };
  return { level: "info", msg: dryRun ? "would be purged" : "purged", fields };
}

/** A value that a log reader can split at spaces: plain, or a JSON string in ASCII escapes where it is hostile. */
export function logValue(text: string): string {
  if (PLAIN.test(text)) return text;
  return jsonText(text);
}
