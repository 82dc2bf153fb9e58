import { setTimeout as sleep } from "node:timers/promises";
import { untilEither } from "../abort.ts";

/** A wait that ends early when something happens. */
export class Waker {
  #wake: (() => void) | undefined;

  wake(): void {
    this.#wake?.();
  }

  /** Returns whether it ended early, other than by the signal. */
  async orAfter(seconds: number, signal: AbortSignal): Promise<boolean> {
    const early = new AbortController();
    this.#wake = () => early.abort();
    await untilEither(signal, early.signal, (either) =>
      sleep(seconds * 1000, undefined, { signal: either }).catch(() => {}),
    );
    this.#wake = undefined;
    return early.signal.aborted;
  }
}
