import { byValue, sameJson } from "../../json/value.ts";
import { batches } from "../../pool.ts";
import { KeySet } from "../key-table.ts";
import type { TaskId } from "../task-source.ts";
import type { Edit } from "./edit.ts";
import type { Snapshot } from "./snapshot.ts";
import { chosenFrom, upsertsFrom } from "./upserts.ts";

/** How many records of each side are in memory at once. */
const COMPARED = 250;

/**
 * An edit that is in the file. A process that read the file before it may write what it read after it, and so undo the
 * edit. What such a content shows is compared record by record with the content that was edited, never by time: a record
 * that is exactly as it was before the edit is undone, any other one was changed by another process, and is kept.
 */
export class LandedEdit {
  readonly #before: Snapshot;
  readonly #rowBefore: (id: TaskId) => number;
  readonly #edit: Edit;
  /** Numbers of new records that another process's content had: if a later one lacks them, it deleted them. */
  readonly #seen: KeySet;

  /**
   * @param before the content that was edited; the caller closes it
   * @param rowBefore where it had a task, if it has grown since
   */
  constructor(before: Snapshot, edit: Edit, rowBefore = rowsOf(before)) {
    this.#before = before;
    this.#rowBefore = rowBefore;
    this.#edit = edit;
    this.#seen = new KeySet(edit.upserts.size);
  }

  /** The part of the edit to make again in a content of another process. */
  async undoneIn(now: Snapshot): Promise<Edit> {
    const removed = new KeySet(now.rows.keys.size);
    const same = sameIn(this.#before, now, this.#rowBefore);
    for await (const id of same(this.#removals())) if (now.holds(id)) removed.add(now.keyOf(id));
    const due: number[] = [];
    for await (const { number } of same(this.#replacements())) due.push(number);
    due.push(...this.#newLacking(now));
    due.sort((a, b) => a - b);
    return { removed, upserts: chosenFrom(this.#edit.upserts, due) };
  }

  *#removals(): Generator<TaskId> {
    const { keys } = this.#before.rows;
    for (const key of this.#edit.removed) {
      const id = keys.id(key);
      if (this.#edit.upserts.find(id) < 0) yield id;
    }
  }

  *#replacements(): Generator<TaskId & { number: number }> {
    for (let number = 0; number < this.#edit.upserts.size; number++) {
      const id = this.#edit.upserts.id(number);
      if (this.#rowBefore(id) >= 0) yield { ...id, number };
    }
  }

  /** The numbers of new records that are undone: all are missing, and none was ever in another process's content. */
  #newLacking(now: Snapshot): number[] {
    const lacking: number[] = [];
    let isSeen = false;
    for (let number = 0; number < this.#edit.upserts.size; number++) {
      const id = this.#edit.upserts.id(number);
      if (this.#rowBefore(id) >= 0) continue;
      if (now.holds(id)) {
        this.#seen.add(number);
        isSeen = true;
      } else if (!this.#seen.has(number)) lacking.push(number);
    }
    return isSeen ? [] : lacking;
  }
}

/**
 * A content of another process that an exchange of ours displaced for some microseconds, and the content that was in its
 * place. A process that read the file just then writes a content that was made of ours and lacks theirs.
 */
export class DisplacedWrite {
  readonly #ours: Snapshot;
  readonly #theirs: Snapshot;
  #ids: TaskId[] | undefined;

  constructor(ours: Snapshot, theirs: Snapshot) {
    this.#ours = ours;
    this.#theirs = theirs;
  }

  /**
   * What a later content lost of the displaced one; empty if it wasn't made of ours. It was if it has more of the tasks in
   * which the two differ as ours has them than as theirs does.
   */
  async lostIn(now: Snapshot): Promise<Edit> {
    this.#ids ??= await this.#differing();
    const asOurs = await all(sameIn(this.#ours, now)(this.#ids));
    const asTheirs = await all(sameIn(this.#theirs, now)(this.#ids));
    const lost = asOurs.length > asTheirs.length ? asOurs : [];
    const rows = lost.map(rowsOf(this.#theirs));
    const gone = lost.filter((id, i) => rows[i]! < 0 && now.holds(id));
    const put = Int32Array.from(rows.filter((row) => row >= 0)).sort();
    return { removed: new Set(gone.map((id) => now.keyOf(id))), upserts: upsertsFrom(this.#theirs, put) };
  }

  /** The tasks in which the two contents differ. */
  async #differing(): Promise<TaskId[]> {
    const ids = [...idsIn(this.#theirs)];
    for (const id of idsIn(this.#ours)) if (!this.#theirs.holds(id)) ids.push(id);
    const same = new Set(await all(sameIn(this.#ours, this.#theirs)(ids)));
    return ids.filter((id) => !same.has(id));
  }
}

function rowsOf(snapshot: Snapshot): (id: TaskId) => number {
  return ({ userId, taskId }) => snapshot.rowOf(userId, taskId);
}

function* idsIn(snapshot: Snapshot): Generator<TaskId> {
  for (const row of snapshot.liveRows()) yield snapshot.idOf(row);
}

/** Returns a generator of those tasks for which both contents have the same record, or both none. */
function sameIn(a: Snapshot, b: Snapshot, rowInA = rowsOf(a)) {
  const rowInB = rowsOf(b);
  return async function* <T extends TaskId>(ids: Iterable<T>): AsyncGenerator<T> {
    for (const batch of batches(ids, COMPARED)) {
      const rows = batch.map((id) => [rowInA(id), rowInB(id)] as const);
      const due = rows.filter(([rowA, rowB]) => isLikely(a, rowA, b, rowB));
      const inA = await a.readTasks(due.map(([row]) => row));
      const inB = await b.readTasks(due.map(([, row]) => row));
      const same = new Set(due.filter((_, i) => sameJson(inA[i]!.json, inB[i]!.json, byValue)));
      for (const [i, pair] of rows.entries()) if (same.has(pair) || (pair[0] < 0 && pair[1] < 0)) yield batch[i]!;
    }
  };
}

/** Whether two rows may hold the same record, as far as is known without reading it. */
function isLikely(a: Snapshot, rowA: number, b: Snapshot, rowB: number): boolean {
  return rowA >= 0 && rowB >= 0 && a.rows.score(rowA) === b.rows.score(rowB);
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
