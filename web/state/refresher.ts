import { effect, type ReadonlySignal } from "@preact/signals";

/** Milliseconds. A stream that fails is tried again after a pause that doubles. */
const FIRST_PAUSE = 30_000;
const LONGEST_PAUSE = 600_000;
/** One that lasted so long was a good one. */
const GOOD = 60_000;

/**
 * Keeps the page up to date while it is visible, and at once when it becomes visible again: by a stream of changes, or
 * without one by polling, one request at a time.
 */
export class Refresher {
  readonly #ask: () => Promise<void>;
  readonly #follow: ((signal: AbortSignal) => Promise<void>) | null;
  readonly #seconds: ReadonlySignal<number>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isAsking = false;
  #stream: AbortController | null = null;
  /** When a stream may be tried. */
  #next = 0;
  #pause = FIRST_PAUSE;

  /**
   * @param follow shows changes until the signal; it returns when the stream ends, or if there is none. Null: only polling
   * @param seconds between two updates; 0 for none
   */
  constructor(
    ask: () => Promise<void>,
    follow: ((signal: AbortSignal) => Promise<void>) | null,
    seconds: ReadonlySignal<number>,
  ) {
    this.#ask = ask;
    this.#follow = follow;
    this.#seconds = seconds;
  }

  /** @param question what is shown; a stream is for one question */
  start(question: () => unknown = () => {}): void {
    effect(() => {
      question();
      this.#next = 0;
      this.#schedule(this.#seconds.value);
    });
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.#schedule(0);
      else if (this.#seconds.value > 0) void this.now();
    });
  }

  /** Asks now, unless it is asking; without a stream the next time is after the whole pause. */
  async now(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      await this.#ask();
    } finally {
      this.#isAsking = false;
      if (this.#stream === null) this.#schedule(this.#seconds.peek());
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
    if (this.#follow !== null && began >= this.#next) {
      const stream = new AbortController();
      this.#stream = stream;
      await this.#follow(stream.signal);
      if (stream.signal.aborted) return;
      this.#stream = null;
      if (Date.now() - began >= GOOD) this.#pause = FIRST_PAUSE;
      this.#next = Date.now() + this.#pause;
      this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
    }
    await this.now();
  }
}
