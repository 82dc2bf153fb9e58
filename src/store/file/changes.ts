import { byValue, sameJson } from "../../json/value.ts";
import { batches } from "../../pool.ts";
import type { TaskId } from "../../task/ids.ts";
import type { Task } from "../../task/task.ts";
import { KeySet, type Keys } from "../key-table.ts";
import type { Snapshot } from "./snapshot.ts";

/** Records in memory at once: a million may be on the disk. */
const READ_AT_ONCE = 250;

/** Records to put into the store file, with numbers from 0. They are read some at a time. */
export interface Puts {
  readonly size: number;
  id(number: number): TaskId;
  read(numbers: readonly number[]): Promise<Task[]>;
}

/** @param numbers all by default */
export async function* readPuts(puts: Puts, numbers: Iterable<number> = Array(puts.size).keys()): AsyncGenerator<Task> {
  for (const batch of batches(numbers, READ_AT_ONCE)) yield* await puts.read(batch);
}

export function putsOf(tasks: readonly Task[]): Puts {
  return {
    size: tasks.length,
    id: (number) => ({ userId: tasks[number]!.userId, taskId: tasks[number]!.taskId }),
    read: async (numbers) => numbers.map((number) => tasks[number]!),
  };
}

export const NO_PUTS = putsOf([]);

/** Records of a content, such as a spool. @param rows live, ascending; the caller keeps the snapshot open */
export function putsFrom(snapshot: Snapshot, rows: ArrayLike<number>): Puts {
  return {
    size: rows.length,
    id: (number) => snapshot.idOf(rows[number]!),
    read: (numbers) => snapshot.readTasks(numbers.map((number) => rows[number]!)),
  };
}

function chosenFrom(puts: Puts, numbers: readonly number[]): Puts {
  if (numbers.length === puts.size) return puts;
  return {
    size: numbers.length,
    id: (number) => puts.id(numbers[number]!),
    read: (chosen) => puts.read(chosen.map((number) => numbers[number]!)),
  };
}

/** What is to be done to one content of the store file. */
export interface Edit {
  /** Tasks to remove, by key of the snapshot's rows. */
  readonly removed: Keys;
  readonly puts: Puts;
  /** Rows of JSON Lines to remove while their task is kept. */
  readonly dead?: Keys;
}

export const NO_EDIT: Edit = { removed: new Set(), puts: NO_PUTS };

/** Decides on a content under the lock, again if another process wrote it first. @param note of its last holder */
export type PlanEdit = (current: Snapshot, note: string) => Edit | Promise<Edit>;

export function isEmpty({ removed, puts, dead }: Edit): boolean {
  return removed.size === 0 && puts.size === 0 && (dead?.size ?? 0) === 0;
}

/** A change of a task: a put by its number, or a removal. */
interface Change extends TaskId {
  /** The row of the record that was seen, or -1. */
  readonly row: number;
  /** -1 for a removal. */
  readonly put: number;
}

/**
 * Changes of tasks as they were decided on one content of the store file. What was seen there is the whole record, so a
 * change is due in another content if the task's record there has the same value; never by its time alone.
 */
export class Changes {
  /** The content that they were decided on. It grows if it is JSON Lines, so the rows that tasks had are kept here. */
  readonly base: Snapshot;
  readonly #puts: Puts;
  readonly #replaced: Int32Array;
  /** Keys that are removed for good, and the rows that they had. */
  readonly #removed: Int32Array;
  readonly #removedRows: Int32Array;
  /** Whether another process's content had one of the new records: those that a later one lacks were deleted. */
  #isTaken = false;

  /** @param base the content to change, as it is before; the caller keeps it open */
  constructor(base: Snapshot, { removed, puts }: Edit) {
    const put = new KeySet(base.rows.keys.size);
    this.base = base;
    this.#puts = puts;
    this.#replaced = new Int32Array(puts.size).map((_, number) => {
      const key = base.keyOf(puts.id(number));
      if (key >= 0) put.add(key);
      return key < 0 ? -1 : base.rows.liveRow(key);
    });
    this.#removed = Int32Array.from(removed).filter((key) => !put.has(key));
    this.#removedRows = this.#removed.map((key) => base.rows.liveRow(key));
  }

  /** Those whose task is in a content as it was seen. @param others receives the tasks that are there in another state */
  async dueIn(now: Snapshot, others: (id: TaskId) => void = () => {}): Promise<Edit> {
    if (now === this.base) return { removed: KeySet.from(this.#removed, now.rows.keys.size), puts: this.#puts };
    const removed = new KeySet(now.rows.keys.size);
    const due: number[] = [];
    for (const batch of batches(this.#all(), READ_AT_ONCE)) {
      const same = await sameIn(this.base, now, batch);
      for (const change of batch) {
        const isSame = same.has(change);
        if (isSame && change.put >= 0) due.push(change.put);
        else if (isSame && now.holds(change)) removed.add(now.keyOf(change));
        else if (!isSame && (change.put >= 0 || now.holds(change))) others(change);
      }
    }
    return { removed, puts: chosenFrom(this.#puts, due) };
  }

  /**
   * After these changes were written: those that a content of another process undoes, because it has what was seen before.
   * A new record was deleted by the service if one of its contents had new records already.
   */
  async undoneIn(now: Snapshot): Promise<Edit> {
    this.#isTaken ||= this.#replaced.some((row, number) => row < 0 && now.rowOf(this.#puts.id(number)) >= 0);
    const { removed, puts } = await this.dueIn(now);
    const due: number[] = [];
    for (const batch of batches(Array(puts.size).keys(), READ_AT_ONCE)) {
      const [tasks, records] = [await puts.read(batch), await now.recordsOf(batch.map((number) => puts.id(number)))];
      for (const [i, number] of batch.entries()) {
        const record = records[i];
        if (record == null ? !this.#isTaken : !sameJson(record.json, tasks[i]!.json, byValue)) due.push(number);
      }
    }
    return { removed, puts: chosenFrom(puts, due) };
  }

  *#all(): Generator<Change> {
    for (const [i, key] of this.#removed.entries()) {
      const { userId, taskId } = this.base.rows.keys.id(key);
      yield { userId, taskId, row: this.#removedRows[i]!, put: -1 };
    }
    for (const [put, row] of this.#replaced.entries()) {
      const { userId, taskId } = this.#puts.id(put);
      yield { userId, taskId, row, put };
    }
  }
}

/** The changes whose task another content has as it was seen: the same record, or no valid one in both. */
async function sameIn(base: Snapshot, now: Snapshot, batch: readonly Change[]): Promise<Set<Change>> {
  const same = new Set<Change>();
  const likely: [Change, row: number][] = [];
  for (const change of batch) {
    const { row } = change;
    const there = now.rowOf(change);
    if (base.hasInvalid(change) !== now.hasInvalid(change)) continue;
    if (row < 0 && there < 0) same.add(change);
    else if (row >= 0 && there >= 0 && base.rows.score(row) === now.rows.score(there)) likely.push([change, there]);
  }
  const before = await base.readTasks(likely.map(([{ row }]) => row));
  const after = await now.readTasks(likely.map(([, there]) => there));
  for (const [i, [change]] of likely.entries()) {
    if (sameJson(before[i]!.json, after[i]!.json, byValue)) same.add(change);
  }
  return same;
}
