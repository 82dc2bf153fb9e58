import type { Clock } from "../clock.ts";

/** Making an answer must not take more than this part of the time, whoever asks how often. */
const LARGEST_SHARE = 1 / 20;
const LONGEST_S = 300;
/** Then nobody asks for the oldest any more. */
const MOST_ANSWERS = 100;

interface Kept<T> {
  readonly answer: Promise<T>;
  /** Clock time until which it counts; Infinity while it is made. */
  until: number;
}

/**
 * Answers that are dear to make and may be a little old: made once for all that ask meanwhile, and kept for twenty times as
 * long as that took, five minutes at most.
 */
export class KeptAnswers<T> {
  readonly #clock: Clock;
  readonly #kept = new Map<string, Kept<T>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(key: string, make: () => Promise<T>): Promise<T> {
    const known = this.#kept.get(key);
    if (known !== undefined && this.#clock.monotonic() < known.until) return known.answer;
    const began = this.#clock.monotonic();
    const made: Kept<T> = { answer: make(), until: Number.POSITIVE_INFINITY };
    this.#kept.delete(key);
    this.#kept.set(key, made);
    if (this.#kept.size > MOST_ANSWERS) this.#kept.delete(this.#kept.keys().next().value!);
    const end = (keep: boolean) => {
      const now = this.#clock.monotonic();
      made.until = keep ? now + Math.min(LONGEST_S, (now - began) / LARGEST_SHARE) : now;
    };
    made.answer.then(
      () => end(true),
      () => end(false),
    );
    return made.answer;
  }
}
