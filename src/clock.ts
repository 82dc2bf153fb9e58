/** The source of every "now"; tests set it. */
export interface Clock {
  /** Wall time, epoch seconds with a fraction. */
  now(): number;
  /** Seconds, for durations and for detecting jumps of the wall clock. */
  monotonic(): number;
}

export const systemClock: Clock = {
  now: () => Date.now() / 1000,
  // `performance` takes some milliseconds to load.
  monotonic: () => Number(process.hrtime.bigint()) / 1e9,
};
