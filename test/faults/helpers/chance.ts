/** Whether the faults are tried at length (`npm run faults`) or in the short version of every test run. */
import { LONG } from "../../helpers/long.ts";
import { SEED } from "../../helpers/seed.ts";

export { LONG };

/** How often something is tried: in a short run, and in a long one. */
export function times(short: number, long: number): number {
  return LONG ? long : short;
}

/** Random choices of one test, the same for the same seed whatever other tests choose (mulberry32). */
export class Chance {
  #state: number;

  constructor(test: string) {
    this.#state = SEED;
    for (const char of test) this.#state = (Math.imul(this.#state, 31) + char.codePointAt(0)!) | 0;
  }

  /** 0 <= x < 1 */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  /** Up to `count` distinct items. */
  some<T>(items: readonly T[], count: number): T[] {
    const left = [...items];
    return Array.from({ length: Math.min(count, left.length) }, () => left.splice(this.below(left.length), 1)[0]!);
  }
}

/** In a short run some of them, others for each seed; in a long run all. */
export function drawn<T>(test: string, items: readonly T[], count = 1): T[] {
  return LONG ? [...items] : new Chance(test).some(items, count);
}
