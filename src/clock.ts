/** Where every "now" comes from, so that tests can set it. */
export interface Clock {
  /** Wall time, epoch seconds with a fraction. */
  now(): number;
  /** Monotonic time in seconds, for durations and for noticing a wall clock that jumped. */
  monotonic(): number;
}

export const systemClock: Clock = {
  now: () => Date.now() / 1000,
  // `performance` takes some milliseconds to load.
  monotonic: () => Number(process.hrtime.bigint()) / 1e9,
};
