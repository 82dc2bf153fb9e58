import { byValue, sameJson } from "../../json/value.ts";
import { batches, fillIn } from "../../pool.ts";
import { keyOf } from "../../task/ids.ts";
import type { Task } from "../../task/task.ts";
import { KeySet, type Keys } from "../key-table.ts";
import type { TaskId } from "../task-source.ts";
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

/** Decides on a content under the lock, again if another process wrote the file first. @param note left by its last holder */
export type PlanEdit = (current: Snapshot, note: string) => Edit | Promise<Edit>;

export function isEmpty({ removed, puts, dead }: Edit): boolean {
  return removed.size === 0 && puts.size === 0 && (dead?.size ?? 0) === 0;
}

/**
 * Changes of tasks as they were decided on one content of the store file: ids, what was seen there, and new records or
 * none. What was seen is the whole record, so a change is due in another content if the task's record there has the same
 * value; never by its time alone. Changes are numbered: the new records, then the removals.
 */
export class Changes {
  /** The content that they were decided on. It grows if it is JSON Lines, so the rows that tasks had are kept here. */
  readonly base: Snapshot;
  readonly #puts: Puts;
  /** Keys that are removed for good. */
  readonly #removed: Int32Array;
  /** By number: the row of the record that was seen, or -1. */
  readonly #rows: Int32Array;
  #numbers: Map<string, number> | undefined;
  /** Whether a content of another process is known to have been made with some of the new records. */
  isTaken = false;

  /** @param base the content to change, as it is before; the caller keeps it open */
  constructor(base: Snapshot, { removed, puts }: Edit) {
    const put = new KeySet(base.rows.keys.size);
    this.base = base;
    this.#puts = puts;
    for (let number = 0; number < puts.size; number++) {
      const key = base.keyOf(puts.id(number));
      if (key >= 0) put.add(key);
    }
    this.#removed = Int32Array.from(removed).filter((key) => !put.has(key));
    this.#rows = new Int32Array(puts.size + this.#removed.length).map((_, number) => {
      const { userId, taskId } = this.id(number);
      return base.rowOf(userId, taskId);
    });
  }

  id(number: number): TaskId {
    const { size } = this.#puts;
    return number < size ? this.#puts.id(number) : this.base.rows.keys.id(this.#removed[number - size]!);
  }

  /** The number of the change of a task, or -1. For changes that are few. */
  find(id: TaskId): number {
    this.#numbers ??= new Map(Array.from(this.#rows, (_, number) => [keyOf(this.id(number)), number]));
    return this.#numbers.get(keyOf(id)) ?? -1;
  }

  /** Whether a task is in both. */
  overlap(other: Changes): boolean {
    return this.#rows.some((_, number) => other.find(this.id(number)) >= 0);
  }

  /** The new records of some; null for a removal. */
  async read(numbers: readonly number[]): Promise<(Task | null)[]> {
    return fillIn<number, Task | null>(
      numbers,
      (number) => (number < this.#puts.size ? undefined : null),
      (puts) => this.#puts.read(puts),
    );
  }

  /** The edit of a content that makes some of them. */
  editOf(numbers: readonly number[], now: Snapshot): Edit {
    const { size } = this.#puts;
    const keys = numbers.filter((number) => number >= size).map((number) => now.keyOf(this.id(number)));
    const puts = numbers.filter((number) => number < size).sort((a, b) => a - b);
    return { removed: KeySet.from(keys, now.rows.keys.size), puts: chosenFrom(this.#puts, puts) };
  }

  /** Those whose task is in a content as it was seen. @param others receives the tasks that are there in another state */
  async dueIn(now: Snapshot, others: (id: TaskId) => void = () => {}): Promise<Edit> {
    if (now === this.base) return { removed: KeySet.from(this.#removed, now.rows.keys.size), puts: this.#puts };
    const due: number[] = [];
    for (const batch of this.#batches()) {
      const same = await this.#sameIn(now, batch);
      for (const number of batch) {
        const isOpen = number < this.#puts.size || now.holds(this.id(number));
        if (isOpen && same.has(number)) due.push(number);
        else if (isOpen) others(this.id(number));
      }
    }
    return this.editOf(due, now);
  }

  /**
   * After these changes were written: those that a content of another process undoes, because it has what was seen before.
   * A new record that it lacks was deleted, if the process had read it.
   * @param wasBefore whether a task had a record before earlier changes: then the record doesn't show that these were read
   */
  async undoneIn(
    now: Snapshot,
    wasBefore: (id: TaskId, record: Task) => Promise<boolean> = async () => false,
  ): Promise<number[]> {
    const [undone, missing]: [number[], number[]] = [[], []];
    for (const batch of this.#batches()) {
      const same = await this.#sameIn(now, batch);
      const records = await now.recordsOf(batch.map((number) => this.id(number)));
      const wanted = await this.read(batch);
      for (const [i, number] of batch.entries()) {
        const [record, task] = [records[i]!, wanted[i]!];
        const isMade = task !== null && record !== null && sameJson(record.json, task.json, byValue);
        const shows = isMade || (task !== null && record !== null && this.#rows[number]! < 0);
        this.isTaken ||= shows && !(await wasBefore(task!, record!));
        if (isMade || !same.has(number) || (task === null && !now.holds(this.id(number)))) continue;
        (task !== null && record === null ? missing : undone).push(number);
      }
    }
    return this.isTaken ? undone : [...undone, ...missing];
  }

  /** Whether a content has a task as it is after its change. */
  async isMadeIn(now: Snapshot, id: TaskId): Promise<boolean> {
    const [task] = await this.read([this.find(id)]);
    const [record] = await now.recordsOf([id]);
    return task == null ? !now.holds(id) : record != null && sameJson(record.json, task.json, byValue);
  }

  /** Whether a task had a record before its change. */
  async wasBefore(id: TaskId, record: Task): Promise<boolean> {
    const row = this.#rows[this.find(id)] ?? -1;
    return row >= 0 && sameJson((await this.base.readTasks([row]))[0]!.json, record.json, byValue);
  }

  #batches(): Generator<number[]> {
    return batches(this.#rows.keys(), READ_AT_ONCE);
  }

  /** Those whose task another content has as it was seen: the same record, or no valid one in both. */
  async #sameIn(now: Snapshot, batch: readonly number[]): Promise<Set<number>> {
    const same = new Set<number>();
    const likely: { number: number; row: number; there: number }[] = [];
    for (const number of batch) {
      const [{ userId, taskId }, row] = [this.id(number), this.#rows[number]!];
      const there = now.rowOf(userId, taskId);
      if (this.base.hasInvalid(userId, taskId) !== now.hasInvalid(userId, taskId)) continue;
      if (row < 0 && there < 0) same.add(number);
      else if (row >= 0 && there >= 0 && this.base.rows.score(row) === now.rows.score(there))
        likely.push({ number, row, there });
    }
    const before = await this.base.readTasks(likely.map(({ row }) => row));
    const after = await now.readTasks(likely.map(({ there }) => there));
    for (const [i, { number }] of likely.entries()) {
      if (sameJson(before[i]!.json, after[i]!.json, byValue)) same.add(number);
    }
    return same;
  }
}
