import type { Keys } from "./key-set.ts";
import { KeySet } from "./key-set.ts";
import type { Snapshot } from "./snapshot.ts";
import type { Upserts } from "./upserts.ts";

/** Where the records of an edit go in an array or map: over the record in force, or behind the last element. */
export class Placement {
  /** By row: the number of the record that takes its place, or -1. */
  readonly #replacing: Int32Array;
  /** The numbers of records that come new. */
  readonly added: KeySet;

  constructor(snapshot: Snapshot, removed: Keys, upserts: Upserts) {
    this.#replacing = new Int32Array(snapshot.rows.size).fill(-1);
    this.added = new KeySet(upserts.size);
    for (let number = 0; number < upserts.size; number++) {
      const { userId, taskId } = upserts.id(number);
      const row = snapshot.rowOf(userId, taskId);
      if (row >= 0 && !removed.has(snapshot.rows.key(row))) this.#replacing[row] = number;
      else this.added.add(number);
    }
  }

  isReplaced(row: number): boolean {
    return this.#replacing[row]! >= 0;
  }

  /** The numbers of the records that replace others, in the order of those. */
  *replacing(): Generator<number> {
    for (const number of this.#replacing) if (number >= 0) yield number;
  }
}
