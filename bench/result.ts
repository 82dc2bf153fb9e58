import type { Cost } from "./cost.ts";

/** Several runs of one thing. */
export interface Summary {
  /** Seconds. */
  readonly median: number;
  readonly least: number;
  readonly most: number;
  /** CPU time, the median in seconds; NaN if it was not measured. */
  readonly cpu: number;
  /** The same for Redis. */
  readonly redisCpu: number;
  /** The largest resident memory of any run, MB. */
  readonly peakMb: number;
  readonly runs: number;
}

/** A row's target: a ratio to the peer (×), or an absolute value. */
export interface Target {
  readonly limit: number;
  readonly unit: "×" | "ms" | "MB" | "/s";
  /** Whether more is better. */
  readonly atLeast?: boolean;
  /** The compared measure; wall times if absent. CPU times suit work that waits for nothing but processors: of the program, or also of Redis. */
  readonly by?: "cpu" | "cpu of both";
}

/** The subject of a line of the table. */
export interface About {
  readonly id: string;
  /** The work of ttsctl, in Markdown. */
  readonly work: string;
  /** The peer; empty without one. */
  readonly peer: string;
  readonly target: Target;
}

/** The result of a row. */
export interface Outcome {
  readonly ours: Summary | null;
  readonly theirs: Summary | null;
  /** In the unit of the target, by wall times; null if the row was skipped. */
  readonly value: number | null;
  /** The median of the ratios of CPU times, each of two runs in turn; absent if they weren't measured. */
  readonly cpuRatio?: number;
  /** The same for the CPU times of Redis; absent if the peer used too little to compare. */
  readonly redisRatio?: number;
  /** The ratio of wall times to the bare work. */
  readonly limit?: { readonly name: string; readonly value: number };
  /** Why it was left out. */
  readonly leftOut: string | null;
  /** Whether it was left out for not doing what it says. */
  readonly failed?: boolean;
}

/** One line of the table. */
export interface Result extends About, Outcome {
  readonly tasks: number;
}

export function leftOut(why: string): Outcome {
  return { ours: null, theirs: null, value: null, leftOut: why };
}

export function summaryOf(costs: readonly Cost[]): Summary {
  const seconds = costs.map((cost) => cost.seconds);
  return {
    median: median(seconds),
    least: Math.min(...seconds),
    most: Math.max(...seconds),
    cpu: median(costs.map((cost) => cost.cpuSeconds ?? Number.NaN)),
    redisCpu: median(costs.map((cost) => cost.redisCpuSeconds ?? Number.NaN)),
    peakMb: Math.max(...costs.map((cost) => cost.peakMb)),
    runs: costs.length,
  };
}

/** The middle one; of an even number the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The value that the target is about; null if the row was skipped. */
export function decisive({ value, cpuRatio, target }: Result): number | null {
  return (target.by !== undefined && cpuRatio) || value;
}

/** Whether the target is met; null without a value. */
export function isMet(result: Result): boolean | null {
  const [value, { limit, atLeast }] = [decisive(result), result.target];
  if (value === null) return null;
  return atLeast ? value >= limit : value <= limit;
}
