import { batches } from "../../pool.ts";
import type { Task } from "../../task/task.ts";
import type { TaskId } from "../task-source.ts";
import type { Snapshot } from "./snapshot.ts";

/** Records to put into the store file, with numbers from 0. They are read some at a time: a million may be on the disk. */
export interface Upserts {
  readonly size: number;
  id(number: number): TaskId;
  read(numbers: readonly number[]): Promise<Task[]>;
}

/** How many records are in memory at once. */
const READ_AT_ONCE = 250;

/** @param numbers all by default */
export async function* readUpserts(
  upserts: Upserts,
  numbers: Iterable<number> = Array(upserts.size).keys(),
): AsyncGenerator<Task> {
  for (const batch of batches(numbers, READ_AT_ONCE)) yield* await upserts.read(batch);
}

export function upsertsOf(tasks: readonly Task[]): Upserts {
  return {
    size: tasks.length,
    id: (number) => ({ userId: tasks[number]!.userId, taskId: tasks[number]!.taskId }),
    read: async (numbers) => numbers.map((number) => tasks[number]!),
  };
}

export const NO_UPSERTS = upsertsOf([]);

/** Records of another file, such as a spool. @param rows live, ascending; the caller keeps the snapshot open */
export function upsertsFrom(snapshot: Snapshot, rows: ArrayLike<number>): Upserts {
  return {
    size: rows.length,
    id: (number) => snapshot.idOf(rows[number]!),
    read: (numbers) => snapshot.readTasks(numbers.map((number) => rows[number]!)),
  };
}

export function chosenFrom(upserts: Upserts, numbers: readonly number[]): Upserts {
  return {
    size: numbers.length,
    id: (number) => upserts.id(numbers[number]!),
    read: (chosen) => upserts.read(chosen.map((number) => numbers[number]!)),
  };
}
