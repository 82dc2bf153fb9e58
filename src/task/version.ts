import { toMicros } from "./time.ts";

/** What orders the copies of a task. `Seen` tokens of the stores identify them. */
export interface Version {
  readonly status: string;
  /** `updated_at` in epoch seconds; NaN if it is missing or can't be read. */
  readonly time: number;
}

/**
 * Whether a copy of one time counts over a copy of another, by whole microseconds. Every comparison of two copies calls this.
 * A copy with a time counts over one without. At an equal time neither is newer, and the file's copy counts.
 */
export function newer(time: number, other: number): boolean {
  return toMicros(time) > toMicros(other) || (Number.isNaN(other) && !Number.isNaN(time));
}

/** Whether two times are the same instant; NaN isn't one. */
export function sameInstant(time: number, other: number): boolean {
  return toMicros(time) === toMicros(other);
}

/** The newer of two times; NaN if both are. */
export function newest(time: number, other = Number.NaN): number {
  return newer(other, time) ? other : time;
}
