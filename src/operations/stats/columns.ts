import { matchingRows } from "../../store/file/file-tasks.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { Column, KeyTable } from "../../store/key-table.ts";
import { ofUser } from "../../task/filter.ts";

/** Tasks as columns, from either store. Statuses are numbers as in STATUS_CODES. */
export interface TaskColumns {
  /** The ids of the tasks, and perhaps of others. */
  readonly keys: KeyTable;
  /** Every task once. */
  each(visit: (key: number, status: number, score: number) => void): void;
  /** The status of a key's task; -1 where it has none. */
  status(key: number): number;
}

/** The tasks of the file, of one user or of all. */
export class FileColumns implements TaskColumns {
  readonly #snapshot: Snapshot;
  readonly #userId: string | undefined;

  constructor(snapshot: Snapshot, userId: string | undefined) {
    this.#snapshot = snapshot;
    this.#userId = userId;
  }

  get keys(): KeyTable {
    return this.#snapshot.rows.keys;
  }

  each(visit: (key: number, status: number, score: number) => void): void {
    const { rows } = this.#snapshot;
    for (const row of matchingRows(this.#snapshot, ofUser(this.#userId)))
      visit(rows.key(row), rows.status(row), rows.score(row));
  }

  status(key: number): number {
    const row = this.#snapshot.rows.liveRow(key);
    return row < 0 ? -1 : this.#snapshot.rows.status(row);
  }
}

/** Tasks that come one by one, in some 60 bytes each. */
export class CollectedColumns implements TaskColumns {
  readonly keys = new KeyTable();
  readonly #statuses = new Column(new Uint8Array(1 << 10));
  readonly #scores = new Column(new Float64Array(1 << 10));

  /** Of a task that comes again the last counts. */
  add(userId: string, taskId: string, status: number, score: number): void {
    const key = this.keys.addId(userId, taskId);
    this.#statuses.set(key, status);
    this.#scores.set(key, score);
  }

  each(visit: (key: number, status: number, score: number) => void): void {
    for (let key = 0; key < this.keys.size; key++) visit(key, this.#statuses.at(key), this.#scores.at(key));
  }

  status(key: number): number {
    return this.#statuses.at(key);
  }
}
