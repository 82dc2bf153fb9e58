import type { Snapshot } from "../store/file/snapshot.ts";
import { KeyTable } from "../store/key-table.ts";
import type { TaskId } from "../store/task-source.ts";

/**
 * Where a task id should be one task's and is not: with the task that its lookup led to goes the lookup, and it should
 * lead to the other from then on. What was removed is noted, and at the end the others are found in the file.
 */
export class LookupHeirs {
  readonly #removed = new KeyTable();

  note({ taskId }: TaskId): void {
    this.#removed.addId("", taskId);
  }

  /** The tasks of the file that have an id of those that were removed. */
  in({ rows, rules }: Snapshot): TaskId[] {
    if (!rules.taskIdIsUnique || this.#removed.size === 0) return [];
    const heirs: TaskId[] = [];
    for (let key = 0; key < rows.keys.size; key++) {
      if (rows.liveRow(key) < 0) continue;
      const taskId = rows.keys.taskId(key);
      if (this.#removed.find("", taskId) >= 0) heirs.push({ userId: rows.keys.userId(key), taskId });
    }
    return heirs;
  }
}
