import type { Task } from "../../task/task.ts";
import { fillIn } from "../batches.ts";
import type { TaskId } from "../task-source.ts";
import type { Snapshot } from "./snapshot.ts";

/** The file's record of each task, or null. */
export async function recordsOf(snapshot: Snapshot, ids: readonly TaskId[]): Promise<(Task | null)[]> {
  const rows = ids.map(({ userId, taskId }) => snapshot.rowOf(userId, taskId));
  return fillIn<number, Task | null>(
    rows,
    (row) => (row < 0 ? null : undefined),
    (rows) => snapshot.readTasks(rows),
  );
}
