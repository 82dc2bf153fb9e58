import { keyOf } from "../task/ids.ts";
import { NO_COPY, type RedisCopy } from "./redis/copy.ts";
import type { TaskId } from "./task-source.ts";

/** How many copies are remembered. */
const REMEMBERED = 10_000;

/** How a process left the copies in the mirror: what it guesses of them, which saves a look where a guard checks it. */
export class LeftCopies {
  readonly #left = new Map<string, string>();

  /** @param updatedAt that of the copy, as we wrote it; null where it is not known how it was left */
  note(id: TaskId, updatedAt: string | null): void {
    const key = keyOf(id);
    this.#left.delete(key);
    if (updatedAt === null) return;
    this.#left.set(key, updatedAt);
    if (this.#left.size > REMEMBERED) this.#left.delete(this.#left.keys().next().value!);
  }

  /** @param before whole microseconds; NaN: the file had no record, and so the mirror no copy */
  guess(id: TaskId, before: number): RedisCopy | null {
    const seen = this.#left.get(keyOf(id));
    if (seen !== undefined) return { ...NO_COPY, type: "hash", fields: { updated_at: seen } };
    return Number.isNaN(before) ? NO_COPY : null;
  }
}
