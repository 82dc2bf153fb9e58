import { printableJson } from "../printable.ts";

export type LogLevel = "info" | "warn" | "error";

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
