import { systemClock } from "../clock.ts";
import type { Sort } from "../task/query-fields.ts";
import { formatUtc } from "../task/time.ts";
import type { KeyTable } from "./key-table.ts";
import type { Stopped } from "./task-source.ts";

/** Newest first by a time, or ascending by an id. @param time that is compared; if `sort` is an id, between equal ones */
export function orderBy(
  sort: Sort,
  keys: KeyTable,
  keyOf: (task: number) => number,
  time: (task: number) => number,
): (a: number, b: number) => number {
  const newest = (a: number, b: number) => time(b) - time(a) || keys.compare(keyOf(b), keyOf(a));
  const byUser = (a: number, b: number) => keys.compareUsers(keyOf(a), keyOf(b));
  if (sort === "user") return (a, b) => byUser(a, b) || newest(a, b);
  if (sort === "task") return (a, b) => keys.compareTasks(keyOf(a), keyOf(b)) || byUser(a, b);
  return newest;
}

/** How far a search for a text goes: it reads whole records. */
export const MOST_SEARCHED = 100_000;
const LONGEST_SEARCH_S = 10;
const MICROSECOND = 1e-6;

/** Ends a search that would take long. */
export class SearchLimit {
  readonly #end = systemClock.monotonic() + LONGEST_SEARCH_S;
  #looked = 0;
  #newest = Number.NaN;
  #oldest = Number.NaN;

  /** Counts tasks that were read, the newest first. @param newest of the first one, epoch seconds @param oldest of the last one */
  count(tasks: number, newest: number, oldest: number): void {
    if (this.#looked === 0) this.#newest = newest;
    this.#looked += tasks;
    this.#oldest = oldest;
  }

  /**
   * Where the search stops; undefined as long as it may go on. Tasks with the time of the last one come again, since some
   * weren't read. While all have one time, only the time limit counts, or a search from there would read the same ones.
   */
  get stopped(): Stopped | undefined {
    const isPast = this.#oldest < this.#newest;
    const isOver = systemClock.monotonic() >= this.#end || (isPast && this.#looked >= MOST_SEARCHED);
    if (!isOver || this.#looked === 0) return undefined;
    return { looked: this.#looked, at: isPast ? formatUtc(this.#oldest + MICROSECOND) : null };
  }
}
