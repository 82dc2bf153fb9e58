import type { Clock } from "../clock.ts";
import { TtsctlError } from "../errors.ts";
import { allowedSkew } from "./safety.ts";

const SHORTEST_S = 30;
const LONGEST_S = 300;
/** After failed passes in a row the wait doubles, up to this. */
const LONGEST_BACKOFF_S = 900;

/** How long to wait between passes: a tenth of the retention, 30 s at least and 300 s at most (SPEC section 6). */
export function watchInterval(retention: number): number {
  return Math.min(LONGEST_S, Math.max(SHORTEST_S, retention / 10));
}

/** When the passes of a watcher may begin, and how long it waits after each. */
export class PassRhythm {
  readonly #clock: Clock;
  #clocks: { readonly wall: number; readonly monotonic: number };
  #failures = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#clocks = this.#read();
  }

  /**
   * Why the next pass is not to begin: the wall clock jumped since the last one (SPEC section 6, Clocks). That is refused
   * until it is back, or `trustClock` is called. Null: it may begin.
   * @param shortestRetention seconds; null where cleanup is off
   */
  refusal(shortestRetention: number | null): TtsctlError | null {
    const now = this.#read();
    const gone = now.monotonic - this.#clocks.monotonic;
    const jump = Math.abs(now.wall - this.#clocks.wall - gone);
    if (shortestRetention !== null && jump > allowedSkew(shortestRetention)) return clockJumped(jump);
    this.#clocks = now;
    return null;
  }

  /** What the clock says now counts: the operator has looked. */
  trustClock(): void {
    this.#clocks = this.#read();
  }

  /** Seconds until the next pass. */
  pause(retention: number, failed: boolean): number {
    this.#failures = failed ? this.#failures + 1 : 0;
    return Math.min(LONGEST_BACKOFF_S, watchInterval(retention) * 2 ** Math.min(this.#failures, 10));
  }

  #read() {
    return { wall: this.#clock.now(), monotonic: this.#clock.monotonic() };
  }
}

function clockJumped(seconds: number): TtsctlError {
  return new TtsctlError("CLOCK_SKEW", `the clock jumped by ${Math.round(seconds)} s`, {
    hint: "set it right, or send SIGHUP if it is right now",
  });
}
