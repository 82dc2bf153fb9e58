import type { Task } from "../../task/task.ts";
import { batches } from "../batches.ts";
import type { TaskId } from "../task-source.ts";
import type { Snapshot } from "./snapshot.ts";

/**
 * Records to put into the store file, each with a number from 0 to `size`. They are read when their turn comes, some
 * at a time: a million of them may lie on the disk.
 */
export interface Upserts {
  readonly size: number;
  /** Whose the record of a number is. */
  id(number: number): TaskId;
  /** The number of a task's record, or -1. */
  find(id: TaskId): number;
  /** The records of some numbers, in the order asked. */
  read(numbers: readonly number[]): Promise<Task[]>;
}

/** How many records are in memory at once. */
const READ_AT_ONCE = 250;

/** The records of these numbers, in their order. */
export async function* readUpserts(upserts: Upserts, numbers: Iterable<number>): AsyncGenerator<Task> {
  for (const batch of batches(numbers, READ_AT_ONCE)) yield* await upserts.read(batch);
}

/** A few records, in memory. */
export function upsertsOf(tasks: readonly Task[]): Upserts {
  return {
    size: tasks.length,
    id: (number) => tasks[number]!,
    find: (id) => tasks.findLastIndex((task) => isSame(task, id)),
    read: async (numbers) => numbers.map((number) => tasks[number]!),
  };
}

export const NO_UPSERTS = upsertsOf([]);

/**
 * The records of another file, such as a spool, that stand in some of its live rows.
 * @param rows ascending; the caller keeps the snapshot open
 */
export function upsertsFrom(snapshot: Snapshot, rows: ArrayLike<number>): Upserts {
  return {
    size: rows.length,
    id: (number) => snapshot.idOf(rows[number]!),
    find: ({ userId, taskId }) => indexIn(rows, snapshot.rowOf(userId, taskId)),
    read: (numbers) => snapshot.readTasks(numbers.map((number) => rows[number]!)),
  };
}

/** Some of the records. @param numbers ascending */
export function chosenFrom(upserts: Upserts, numbers: readonly number[]): Upserts {
  return {
    size: numbers.length,
    id: (number) => upserts.id(numbers[number]!),
    find: (id) => indexIn(numbers, upserts.find(id)),
    read: (chosen) => upserts.read(chosen.map((number) => numbers[number]!)),
  };
}

function isSame(a: TaskId, b: TaskId): boolean {
  return a.userId === b.userId && a.taskId === b.taskId;
}

/** Where a number stands among ascending ones, or -1. */
function indexIn(ascending: ArrayLike<number>, wanted: number): number {
  let low = 0;
  for (let high = ascending.length - 1; low <= high; ) {
    const middle = (low + high) >> 1;
    if (ascending[middle] === wanted) return middle;
    if (ascending[middle]! < wanted) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}
