import { effect, type ReadonlySignal } from "@preact/signals";

/** Runs something again and again while the page can be seen, one run at a time, and at once when it is seen again. */
export class Refresher {
  readonly #run: () => Promise<void>;
  readonly #seconds: ReadonlySignal<number>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running = false;

  /** @param seconds between the end of one run and the next; 0 for never */
  constructor(run: () => Promise<void>, seconds: ReadonlySignal<number>) {
    this.#run = run;
    this.#seconds = seconds;
  }

  start(): void {
    effect(() => this.#schedule(this.#seconds.value));
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) clearTimeout(this.#timer);
      else if (this.#seconds.value > 0) void this.now();
    });
  }

  /** Runs it now, unless it is running; the next run then waits its whole time. */
  async now(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      await this.#run();
    } finally {
      this.#running = false;
      this.#schedule(this.#seconds.peek());
    }
  }

  #schedule(seconds: number): void {
    clearTimeout(this.#timer);
    if (seconds > 0 && !document.hidden) this.#timer = setTimeout(() => void this.now(), seconds * 1000);
  }
}
