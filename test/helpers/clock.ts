import { type Clock, systemClock } from "../../src/clock.ts";

interface Sleeper {
  /** Monotonic seconds. */
  readonly at: number;
  readonly isBackground: boolean;
  readonly wake: () => void;
}

/** Calls on files, children and connections under way. */
const BUSY = /Req|ConnectWrap|WriteWrap|ProcessWrap/;
/** Turns of the event loop after which nothing goes on by itself. */
const QUIET_TURNS = 4;

/** Whether something really goes on. Each command to Redis has a timer, and Vitest one for the test. */
function isBusy(): boolean {
  const names = process.getActiveResourcesInfo();
  return names.some((name) => BUSY.test(name)) || names.filter((name) => name === "Timeout").length > 1;
}

async function untilIdle(): Promise<void> {
  for (let quiet = 0, turns = 0; quiet < QUIET_TURNS; turns++) {
    await new Promise<void>((resolve) => void (turns < 100 ? setImmediate(resolve) : setTimeout(resolve, 1).unref()));
    quiet = isBusy() ? 0 : quiet + 1;
  }
}

const RATE = 10;

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
 * Time goes on as it really does, and jumps over pauses: in the mode "auto" when all that runs in this process waits, else only
 * by `advance`. In the background, pauses don't make it jump.
 */
export class TestClock implements Clock {
  /** Seconds that the wall is ahead of it. */
  shift: number;
  /** Seconds that it jumped over. */
  jumped = 0;
  readonly #mode: "auto" | "manual";
  readonly #sleepers = new Set<Sleeper>();
  #isRunning = false;

  constructor(mode: "auto" | "manual" = "auto", shift = 0) {
    this.#mode = mode;
    this.shift = shift;
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
        resolve();
      };
      const sleeper = { at: this.monotonic() + ms / 1000, isBackground, wake };
      this.#sleepers.add(sleeper);
      for (const one of signals) one.addEventListener("abort", wake);
      if (this.#mode === "manual") return;
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

  /** Manual: lets so much time pass, and what that wakes do its work. */
  async advance(seconds: number): Promise<void> {
    const end = this.monotonic() + seconds;
    await untilIdle();
    for (let next = this.#next(); next !== undefined && next.at <= end; next = this.#next()) {
      this.#jumpTo(next.at);
      await untilIdle();
    }
    this.#jumpTo(end);
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    const next = () => this.#next(({ isBackground }) => !isBackground);
    while (next() !== undefined) {
      await untilIdle();
      this.#jumpTo(next()?.at ?? this.monotonic());
    }
    this.#isRunning = false;
  }

  #next(counts: (sleeper: Sleeper) => boolean = () => true): Sleeper | undefined {
    return [...this.#sleepers].filter(counts).sort((a, b) => a.at - b.at)[0];
  }

  #jumpTo(at: number): void {
    this.jumped += Math.max(0, at - this.monotonic());
    for (const sleeper of this.#sleepers) {
      if (sleeper.at <= at) sleeper.wake();
    }
  }
}
