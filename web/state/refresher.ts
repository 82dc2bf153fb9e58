import { effect, type ReadonlySignal, signal } from "@preact/signals";

/** Milliseconds. A stream that fails is tried again after a pause that doubles. */
const FIRST_PAUSE = 30_000;
const LONGEST_PAUSE = 600_000;
/** One that lasted so long was a good one. */
const GOOD = 60_000;

/**
 * Keeps the page up to date while it is visible, and at once when it becomes visible again: whenever something may have
 * changed, or, if that can't be heard, again and again. One request at a time.
 */
export class Refresher {
  readonly isHidden = signal(document.hidden);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isAsking = false;
  #asked = 0;
  #stream: AbortController | null = null;
  /** When a stream may be tried. */
  #next = 0;
  #pause = FIRST_PAUSE;

  constructor(
    /** @param isRung whether it is because something may have changed @returns false if that must be asked for later */
    private readonly ask: (isRung: boolean) => Promise<boolean>,
    /** Calls `rung` when something may have changed, until the signal; it returns when that can't be heard any more. */
    private readonly listen: (rung: () => void, signal: AbortSignal) => Promise<unknown>,
    /** Between two updates, at least; 0 for none. */
    private readonly seconds: ReadonlySignal<number>,
  ) {}

  start(): void {
    effect(() => {
      this.#next = 0;
      this.#restart(this.seconds.value);
    });
    document.addEventListener("visibilitychange", () => {
      this.isHidden.value = document.hidden;
      this.#restart(this.seconds.value);
      if (!document.hidden && this.seconds.value > 0) void this.now();
    });
  }

  async now(isRung = false): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    this.#asked = Date.now();
    let isAsked = true;
    try {
      isAsked = await this.ask(isRung);
    } finally {
      this.#isAsking = false;
      if (this.#stream === null) this.#restart(this.seconds.peek());
      else if (!isAsked) this.#rung();
    }
  }

  #restart(seconds: number): void {
    clearTimeout(this.#timer);
    this.#stream?.abort();
    this.#stream = null;
    this.#timer = undefined;
    if (seconds > 0 && !document.hidden) this.#timer = setTimeout(() => void this.#update(), seconds * 1000);
  }

  async #update(): Promise<void> {
    this.#timer = undefined;
    const began = Date.now();
    if (began >= this.#next) {
      const stream = new AbortController();
      this.#stream = stream;
      await this.listen(() => stream.signal.aborted || this.#rung(), stream.signal);
      if (stream.signal.aborted) return;
      this.#stream = null;
      if (Date.now() - began >= GOOD) this.#pause = FIRST_PAUSE;
      this.#next = Date.now() + this.#pause;
      this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
    }
    await this.now();
  }

  /** Asks as soon as it may. */
  #rung(): void {
    if (this.#timer !== undefined) return;
    const rest = this.#asked + this.seconds.peek() * 1000 - Date.now();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#isAsking) this.#rung();
      else void this.now(true);
    }, rest);
  }
}
