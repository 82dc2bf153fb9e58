/** Every "now", and every pause: tests have one whose time they set. */
export interface Clock {
  /** Wall time, epoch seconds with a fraction. */
  now(): number;
  /** Seconds, for durations and for detecting jumps of the wall clock. */
  monotonic(): number;
  /** Ends early when a signal aborts. A pause in the background doesn't keep the process alive. */
  sleep(ms: number, signal?: AbortSignal | readonly AbortSignal[], isBackground?: boolean): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now() / 1000,
  // `performance` takes some milliseconds to load.
  monotonic: () => Number(process.hrtime.bigint()) / 1e9,
  sleep: (ms, signal = [], isBackground = false) =>
    new Promise((resolve) => {
      const signals = [signal].flat();
      if (signals.some(({ aborted }) => aborted)) return resolve();
      const end = () => {
        clearTimeout(timer);
        for (const one of signals) one.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      if (isBackground) timer.unref();
      for (const one of signals) one.addEventListener("abort", end);
    }),
};

/** Calls `ring` after the time, by the system clock, unless the returned function is called first. It costs less than a pause with a signal. */
export function alarm(ms: number, ring: () => void): () => void {
  const timer = setTimeout(ring, ms).unref();
  return () => clearTimeout(timer);
}

/** Seconds of synchronous calls in a row: other requests of `serve` wait as long. */
const LONGEST_TURN_S = 0.01;

/** Lets other work have a turn, if this work had a long one. Work whose calls are synchronous awaits `next` between its items. */
export class Turns {
  #began = systemClock.monotonic();

  next(): Promise<void> | undefined {
    if (systemClock.monotonic() - this.#began < LONGEST_TURN_S) return undefined;
    return new Promise((resolve) => {
      setImmediate(() => {
        this.#began = systemClock.monotonic();
        resolve();
      });
    });
  }
}

/** How many seconds to rest after work that is repeated: it takes at most a fifth of the time. @param began monotonic */
export function restAfter(began: number, least: number, clock: Clock): number {
  return Math.max(least, 5 * (clock.monotonic() - began));
}

/** Starts work in the background after the time, unless the signal aborts first. */
export async function later(clock: Clock, ms: number, signal: AbortSignal, work: () => void): Promise<void> {
  await clock.sleep(ms, signal, true);
  if (!signal.aborted) work();
}

/** Returns what the work does, or `late()` if it takes longer. */
export function within<T>(clock: Clock, ms: number, work: Promise<T>, late: () => T | Promise<T>): Promise<T> {
  const done = new AbortController();
  const { signal } = done;
  const limit = clock.sleep(ms, signal, true).then(() => (signal.aborted ? work : late()));
  return Promise.race([work, limit]).finally(() => done.abort("done"));
}
