import { systemClock } from "../clock.ts";
import type { Sort } from "../task/query-fields.ts";
import { formatUtc } from "../task/time.ts";
import type { KeyTable } from "./key-table.ts";
import type { Stopped } from "./task-source.ts";

/**
 * Compares two tasks of a list: newest first by a time, or ascending by an id.
 * @param time by which they are compared if `sort` is a time, and else the tasks of a user
 */
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
  #score = 0;

  /** @param score of the last of the tasks, epoch seconds */
  count(tasks: number, score: number): void {
    this.#looked += tasks;
    this.#score = score;
  }

  /**
   * Where the search stops; undefined as long as it may go on. Tasks with the time of the last one come again, because some of
   * them weren't read.
   */
  get stopped(): Stopped | undefined {
    if (this.#looked < MOST_SEARCHED && systemClock.monotonic() < this.#end) return undefined;
    return { looked: this.#looked, at: formatUtc(this.#score + MICROSECOND) };
  }
}
