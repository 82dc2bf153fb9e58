import type { Orphan } from "../operations/orphans/types.ts";
import { logValue } from "./cleanup-line.ts";
import type { LogEvent } from "./log-line.ts";

/** One `[ORPHAN]` line; in a dry run it says so. */
export function orphanLine({ path, files, bytes }: Orphan, dryRun: boolean): string {
  return `[ORPHAN] path=${logValue(path)} files=${files} bytes=${bytes}${dryRun ? " dry-run=yes" : ""}`;
}

/** The same for a log of JSON objects. */
export function orphanEvent({ path, files, bytes }: Orphan, dryRun: boolean): LogEvent {
  const fields = { event: "orphan", path, files, bytes, dryRun };
  return { level: "info", msg: dryRun ? "would be removed" : "removed", fields };
}
