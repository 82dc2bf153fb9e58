import { effect, type ReadonlySignal } from "@preact/signals";

/** Milliseconds. A stream that fails is tried again after a pause that doubles. */
const FIRST_PAUSE = 30_000;
const LONGEST_PAUSE = 600_000;
/** One that lasted so long was a good one. */
const GOOD = 60_000;

interface RefresherParts {
  ask(): Promise<void>;
  /** Shows changes until the signal; it returns when the stream ends, or if there is none. Without it there is only polling. */
  follow?(signal: AbortSignal): Promise<void>;
  /** Between two updates; 0 for none. */
  readonly seconds: ReadonlySignal<number>;
  /** What is shown: a stream is for one question. */
  question?(): unknown;
}

/**
 * Keeps the page up to date while it is visible, and at once when it becomes visible again: by a stream of changes, or
 * without one by polling, one request at a time.
 */
export class Refresher {
  readonly #parts: RefresherParts;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isAsking = false;
  #stream: AbortController | null = null;
  /** When a stream may be tried. */
  #next = 0;
  #pause = FIRST_PAUSE;

  constructor(parts: RefresherParts) {
    this.#parts = parts;
  }

  start(): void {
    const { question, seconds } = this.#parts;
    effect(() => {
      question?.();
      this.#next = 0;
      this.#schedule(seconds.value);
    });
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.#schedule(0);
      else if (seconds.value > 0) void this.now();
    });
  }

  /** Asks now, unless it is asking; without a stream the next time is after the whole pause. */
  async now(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      await this.#parts.ask();
    } finally {
      this.#isAsking = false;
      if (this.#stream === null) this.#schedule(this.#parts.seconds.peek());
    }
  }

  #schedule(seconds: number): void {
    clearTimeout(this.#timer);
    this.#stream?.abort();
    this.#stream = null;
    if (seconds > 0 && !document.hidden) this.#timer = setTimeout(() => void this.#update(), seconds * 1000);
  }

  async #update(): Promise<void> {
    const began = Date.now();
    if (this.#parts.follow !== undefined && began >= this.#next) {
      const stream = new AbortController();
      this.#stream = stream;
      await this.#parts.follow(stream.signal);
      if (stream.signal.aborted) return;
      this.#stream = null;
      if (Date.now() - began >= GOOD) this.#pause = FIRST_PAUSE;
      this.#next = Date.now() + this.#pause;
      this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
    }
    await this.now();
  }
}
