import { type Clock, restAfter } from "../clock.ts";
import type { AddEndpoint } from "./endpoints.ts";
import { type AnswerEvents, beat } from "./event-stream.ts";
import { LIMITS } from "./limits.ts";

/** Between two looks whether anything has changed. */
const LOOK_EVERY_S = 1;
/** A service writes Redis a moment after the file, so it rings again. */
const LATELY_S = 2;
/** What no mark shows, such as a task that gets older than a filter allows, is seen after so long. */
const RING_EVERY_S = 60;
const LONGEST_KEPT = 4 << 20;
const LONGEST_QUESTION = 64 << 10;

/** Rings when the stores may have changed, as long as anybody listens: pages then ask what they show (docs/http.md). */
export class Doorbell {
  readonly #clock: Clock;
  readonly #readMark: () => Promise<string>;
  #listeners = 0;
  /** Of those that wait for the next ring. */
  readonly #waiting = new Set<AbortController>();
  /** The number of the last ring. */
  #ring = 1;
  /** Null if it isn't known. */
  #mark: string | null = null;
  /** Of the last ring. */
  readonly #answers = new Map<string, Promise<unknown>>();
  #isLooking = false;

  /** @param mark another text after a change of the stores */
  constructor(clock: Clock, mark: () => Promise<string>) {
    this.#clock = clock;
    this.#readMark = mark;
  }

  /** Calls `rung` with the number of each ring until the signal; first with 0, because something may have changed until now. */
  async listen(rung: (ring: number) => Promise<void>, signal: AbortSignal): Promise<void> {
    this.#listeners++;
    if (!this.#isLooking) void this.#look();
    try {
      for (let last = 0; !signal.aborted; ) {
        const heard = new AbortController();
        this.#waiting.add(heard);
        const ring = this.#ring;
        if (ring !== last) await rung(last === 0 ? 0 : ring);
        last = ring;
        await this.#clock.sleep(RING_EVERY_S * 1000, [signal, heard.signal]);
        this.#waiting.delete(heard);
      }
    } finally {
      this.#listeners--;
    }
  }

  /** One answer for all that ask the same after the last ring, whose number they give; others have their own. */
  share<T extends { readonly text: string }>(ring: number, asked: unknown, make: () => Promise<T>): Promise<T> {
    if (ring !== this.#ring || this.#listeners === 0) return make();
    const question = JSON.stringify(asked);
    if (question.length > LONGEST_QUESTION) return make();
    const known = this.#answers.get(question) as Promise<T> | undefined;
    if (known !== undefined) return known.catch(make); // the client it was made for may have left
    const made = make();
    if (this.#answers.size === LIMITS.streams) return made;
    this.#answers.set(question, made);
    made.then(({ text }) => text.length > LONGEST_KEPT && this.#answers.delete(question)).catch(() => {});
    return made;
  }

  async #look(): Promise<void> {
    const clock = this.#clock;
    this.#isLooking = true;
    let again = clock.monotonic() + RING_EVERY_S;
    while (this.#listeners > 0) {
      const began = clock.monotonic();
      const now = await this.#readMark().catch(() => null);
      const isNew = now === null || now !== this.#mark;
      this.#mark = now;
      if (isNew || began >= again) {
        this.#rings();
        again = began + (isNew ? LATELY_S : RING_EVERY_S);
      }
      await clock.sleep(restAfter(began, LOOK_EVERY_S, clock) * 1000);
    }
    this.#isLooking = false;
    this.#answers.clear();
  }

  #rings(): void {
    this.#ring++;
    this.#answers.clear();
    for (const heard of this.#waiting) heard.abort();
  }
}

/** `GET /stream`: an event whenever the stores may have changed. */
export function addStream(add: AddEndpoint, doorbell: Doorbell, answerEvents: AnswerEvents): void {
  add("GET /stream", (c) => {
    return answerEvents(c, async (stream, signal) => {
      await beat(stream); // so the client knows that nothing between holds events back
      const rung = (ring: number) => stream.writeSSE({ event: "changed", data: JSON.stringify({ ring }) });
      await doorbell.listen(rung, signal);
    });
  });
}
