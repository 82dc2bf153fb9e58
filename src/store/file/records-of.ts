import type { Task } from "../../task/task.ts";
import type { TaskId } from "../task-source.ts";
import type { Snapshot } from "./snapshot.ts";

/** The file's record of each task, or null. */
export async function recordsOf(snapshot: Snapshot, ids: readonly TaskId[]): Promise<(Task | null)[]> {
  const rows = ids.map(({ userId, taskId }) => snapshot.rowOf(userId, taskId));
  const tasks = (await snapshot.readTasks(rows.filter((row) => row >= 0)))[Symbol.iterator]();
  return rows.map((row) => (row < 0 ? null : (tasks.next().value as Task)));
}
