import { byValue, sameJson } from "../../json/value.ts";
import { batches } from "../../pool.ts";
import { KeySet } from "../key-table.ts";
import type { TaskId } from "../task-source.ts";
import type { Edit } from "./edit.ts";
import type { Snapshot } from "./snapshot.ts";
import { chosenFrom, type Upserts, upsertsFrom } from "./upserts.ts";

/** Records of each side in memory at once. */
const COMPARED = 250;

/**
 * An edit that is in the file. A process that read the file before it may write what it read after it, and so undo the
 * edit. What such a content shows is compared record by record with the content that was edited, never by time: a record
 * that is exactly as it was before the edit is undone, any other one was changed by another process, and is kept.
 */
export class LandedEdit {
  /** Grows after the edit if it is JSON Lines, so the rows that tasks had are kept here. */
  readonly #before: Snapshot;
  readonly #upserts: Upserts;
  /** By number of an upsert: the row that it replaced, or -1. */
  readonly #replaced: Int32Array;
  /** Keys that were removed for good, and the rows that they had. */
  readonly #removed: Int32Array;
  readonly #removedRows: Int32Array;
  /** Numbers of new records that another process's content had: if a later one lacks them, it deleted them. */
  readonly #seen: KeySet;

  /** @param before the content to edit, as it is just before the edit; the caller closes it */
  constructor(before: Snapshot, { removed, upserts }: Edit) {
    const put = new KeySet(before.rows.keys.size);
    this.#before = before;
    this.#upserts = upserts;
    this.#replaced = new Int32Array(upserts.size).map((_, number) => {
      const id = upserts.id(number);
      if (before.holds(id)) put.add(before.keyOf(id));
      return before.rowOf(id.userId, id.taskId);
    });
    this.#removed = Int32Array.from(removed).filter((key) => !put.has(key));
    this.#removedRows = this.#removed.map((key) => before.rows.liveRow(key));
    this.#seen = new KeySet(upserts.size);
  }

  /** The part of the edit to make again in a content of another process. */
  async undoneIn(now: Snapshot): Promise<Edit> {
    const removed = new KeySet(now.rows.keys.size);
    const due = this.#newLacking(now);
    for await (const { number, ...id } of sameIn(this.#before, now, this.#changed())) {
      if (number >= 0) due.push(number);
      else if (now.holds(id)) removed.add(now.keyOf(id));
    }
    due.sort((a, b) => a - b);
    return { removed, upserts: chosenFrom(this.#upserts, due) };
  }

  /** The tasks that had a record, with the number of the one that replaced it, or -1. */
  *#changed(): Generator<Placed & { readonly number: number }> {
    for (const [i, key] of this.#removed.entries()) {
      yield { ...this.#before.rows.keys.id(key), row: this.#removedRows[i]!, number: -1 };
    }
    for (const [number, row] of this.#replaced.entries()) {
      if (row >= 0) yield { ...this.#upserts.id(number), row, number };
    }
  }

  /** The numbers of new records that are undone: all are missing, and none was ever in another process's content. */
  #newLacking(now: Snapshot): number[] {
    const lacking: number[] = [];
    let isSeen = false;
    for (const [number, row] of this.#replaced.entries()) {
      if (row >= 0) continue;
      if (now.holds(this.#upserts.id(number))) {
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
    const asOurs = await all(sameIn(this.#ours, now, placedIn(this.#ours, this.#ids)));
    const asTheirs = await all(sameIn(this.#theirs, now, placedIn(this.#theirs, this.#ids)));
    const lost = asOurs.length > asTheirs.length ? [...placedIn(this.#theirs, asOurs)] : [];
    const gone = lost.filter((id) => id.row < 0 && now.holds(id));
    const put = Int32Array.from(lost.flatMap(({ row }) => (row < 0 ? [] : row))).sort();
    return { removed: new Set(gone.map((id) => now.keyOf(id))), upserts: upsertsFrom(this.#theirs, put) };
  }

  /** The tasks in which the two contents differ. */
  async #differing(): Promise<TaskId[]> {
    const ids = [...placedIn(this.#theirs, idsIn(this.#theirs))];
    for (const id of placedIn(this.#theirs, idsIn(this.#ours))) if (!this.#theirs.holds(id)) ids.push(id);
    const same = new Set<TaskId>(await all(sameIn(this.#theirs, this.#ours, ids)));
    return ids.filter((id) => !same.has(id));
  }
}

/** A task and its row in a content, or -1. */
type Placed = TaskId & { readonly row: number };

function* placedIn(snapshot: Snapshot, ids: Iterable<TaskId>): Generator<Placed> {
  for (const { userId, taskId } of ids) yield { userId, taskId, row: snapshot.rowOf(userId, taskId) };
}

function* idsIn(snapshot: Snapshot): Generator<TaskId> {
  for (const row of snapshot.liveRows()) yield snapshot.idOf(row);
}

/** Those tasks for which both contents have the same record, or both none. @param tasks with their rows in `a` */
async function* sameIn<T extends Placed>(a: Snapshot, b: Snapshot, tasks: Iterable<T>): AsyncGenerator<T> {
  for (const batch of batches(tasks, COMPARED)) {
    const rows = batch.map(({ userId, taskId, row }) => [row, b.rowOf(userId, taskId)] as const);
    const due = rows.filter(([rowA, rowB]) => isLikely(a, rowA, b, rowB));
    const inA = await a.readTasks(due.map(([row]) => row));
    const inB = await b.readTasks(due.map(([, row]) => row));
    const same = new Set(due.filter((_, i) => sameJson(inA[i]!.json, inB[i]!.json, byValue)));
    for (const [i, pair] of rows.entries()) if (same.has(pair) || (pair[0] < 0 && pair[1] < 0)) yield batch[i]!;
  }
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
