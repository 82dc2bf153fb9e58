import { type Clock, systemClock } from "../../src/clock.ts";

interface Sleeper {
  /** Monotonic seconds. */
  readonly at: number;
  readonly isBackground: boolean;
  readonly isLong: boolean;
  readonly wake: () => void;
}

/** Calls on files and connections under way, and children. */
const BUSY = /Req|ConnectWrap|WriteWrap/;
const CHILD = /ProcessWrap/;
/** Turns of the event loop after which nothing goes on by itself. */
const QUIET_TURNS = 4;

/** Whether something really goes on. Each command to Redis has a timer, and Vitest one for the test. */
function isBusy(waitsForChildren: boolean): boolean {
  const names = process.getActiveResourcesInfo();
  const isAtWork = (name: string) => BUSY.test(name) || (waitsForChildren && CHILD.test(name));
  return names.some(isAtWork) || names.filter((name) => name === "Timeout").length > 1;
}

async function untilIdle(waitsForChildren: boolean): Promise<void> {
  for (let quiet = 0, turns = 0; quiet < QUIET_TURNS; turns++) {
    await new Promise<void>((resolve) => void (turns < 100 ? setImmediate(resolve) : setTimeout(resolve, 1).unref()));
    quiet = isBusy(waitsForChildren) ? 0 : quiet + 1;
  }
}

/** The built program runs in real time. */
const RATE = process.env.TTSCTL_BUILT === "1" ? 1 : 10;

/** Time jumps to the end of a pause after a tenth of it. */
export class FastClock implements Clock {
  readonly #wall: "real" | "fast";
  /** Seconds that it jumped over. */
  #jumped = 0;

  /** @param wall real as that of Redis, or as fast */
  constructor(wall: "real" | "fast" = "real") {
    this.#wall = wall;
  }

  now(): number {
    return systemClock.now() + (this.#wall === "fast" ? this.#jumped : 0);
  }

  monotonic(): number {
    return systemClock.monotonic() + this.#jumped;
  }

  async sleep(ms: number, signal: AbortSignal | readonly AbortSignal[] = [], isBackground = false): Promise<void> {
    const end = this.monotonic() + ms / 1000;
    await systemClock.sleep(ms / RATE, signal, isBackground);
    if ([signal].flat().every(({ aborted }) => !aborted)) this.#jumped += Math.max(0, end - this.monotonic());
  }
}

/**
 * Time goes on as it really does, and jumps over pauses when all that runs in this process waits; over those in the background
 * only on the way. Longer ones than `longest` end when the test says so.
 */
export class TestClock implements Clock {
  /** Seconds that the wall is ahead of it. */
  shift: number;
  /** Seconds that it jumped over. */
  jumped = 0;
  /** The seconds of each long pause that was begun. */
  readonly longPauses: number[] = [];
  readonly #longest: number;
  readonly #sleepers = new Set<Sleeper>();
  #isRunning = false;

  /** @param options seconds; with 0 for `longest`, time jumps by `advance` alone */
  constructor({ longest = Number.POSITIVE_INFINITY, shift = 0 } = {}) {
    this.#longest = longest;
    this.shift = shift;
  }

  /** How many pauses are under way. */
  get pauses(): number {
    return this.#sleepers.size;
  }

  now(): number {
    return systemClock.now() + this.jumped + this.shift;
  }

  monotonic(): number {
    return systemClock.monotonic() + this.jumped;
  }

  async sleep(ms: number, signal: AbortSignal | readonly AbortSignal[] = [], isBackground = false): Promise<void> {
    const signals = [signal].flat();
    if (signals.some(({ aborted }) => aborted)) return;
    await new Promise<void>((resolve) => {
      const wake = () => {
        this.#sleepers.delete(sleeper);
        for (const one of signals) one.removeEventListener("abort", wake);
        resolve();
      };
      const isLong = ms / 1000 > this.#longest;
      const sleeper = { at: this.monotonic() + ms / 1000, isBackground, isLong, wake };
      this.#sleepers.add(sleeper);
      for (const one of signals) one.addEventListener("abort", wake);
      if (isLong) {
        if (!isBackground) this.longPauses.push(ms / 1000);
        return;
      }
      setTimeout(wake, ms).unref();
      if (!this.#isRunning) void this.#run();
    });
  }

  /** What another program does every so many milliseconds, in the background, until the function that it returns is called. */
  every(ms: number, act: () => void): () => void {
    const stop = new AbortController();
    void (async () => {
      for (;;) {
        await this.sleep(ms, stop.signal, true);
        if (stop.signal.aborted) return;
        act();
      }
    })();
    return () => stop.abort();
  }

  /** When all waits, lets so much time pass, and what that wakes do its work. */
  async advance(seconds: number): Promise<void> {
    await untilIdle(false);
    const end = this.monotonic() + seconds;
    for (let next = this.#next(); next !== undefined && next.at <= end; next = this.#next()) {
      this.#jumpTo(next.at);
      await untilIdle(false);
    }
    this.#jumpTo(end);
  }

  /** Ends the next long pause, as if no time had to pass. */
  endPause(): void {
    this.#next(({ isLong, isBackground }) => isLong && !isBackground)?.wake();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    const next = () => this.#next(({ isBackground, isLong }) => !isBackground && !isLong);
    while (next() !== undefined) {
      await untilIdle(true);
      this.#jumpTo(next()?.at ?? this.monotonic());
    }
    this.#isRunning = false;
  }

  #next(counts: (sleeper: Sleeper) => boolean = () => true): Sleeper | undefined {
    return [...this.#sleepers].filter(counts).sort((a, b) => a.at - b.at)[0];
  }

  #jumpTo(at: number): void {
    this.jumped += Math.max(0, at - this.monotonic());
    for (const sleeper of this.#sleepers) if (sleeper.at <= at) sleeper.wake();
  }
}
