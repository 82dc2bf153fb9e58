import type { LOG_FORMATS } from "./log.ts";

/** The output formats of SPEC section 5. */
export const FORMATS = ["table", "wide", "json", "jsonl", "yaml", "csv"] as const;
export type Format = (typeof FORMATS)[number];

/** Whether a format is for people rather than for programs. */
export function isText(format: Format): boolean {
  return format === "table" || format === "wide";
}

/** The flags that every command takes. */
export interface GlobalFlags {
  readonly config?: string;
  readonly store?: string;
  readonly redisUrl?: string;
  /** False for --no-redis. */
  readonly redis: boolean;
  /** False for --no-color. */
  readonly color: boolean;
  readonly output: Format;
  /** Read from the arguments before they are parsed, so that it holds for what is wrong with them. */
  readonly logFormat: (typeof LOG_FORMATS)[number];
  readonly quiet: boolean;
  readonly verbose: number;
}
