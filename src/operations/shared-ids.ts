import type { Snapshot } from "../store/file/snapshot.ts";
import { KeyTable } from "../store/key-table.ts";
import type { TaskId } from "../store/task-source.ts";
import { counted } from "../task/amounts.ts";

/** How many are named. */
const NAMED = 5;

/** Task ids that more than one user has in the file, where a task id should be one task's (SPEC section 10). */
function sharedTaskIds({ rows, rules }: Snapshot): { count: number; named: string[] } {
  const shared = { count: 0, named: [] as string[] };
  if (!rules.taskIdIsUnique) return shared;
  const taskIds = new KeyTable();
  const twice = new Set<number>();
  for (let key = 0; key < rows.keys.size; key++) {
    if (rows.liveRow(key) < 0) continue;
    const known = taskIds.size;
    const taskId = taskIds.addTaskOf(rows.keys, key);
    if (taskId < known) twice.add(taskId);
  }
  for (const taskId of twice) if (shared.count++ < NAMED) shared.named.push(taskIds.taskId(taskId));
  return shared;
}

/** The same in one line; null where there is none. */
export function describeShared(snapshot: Snapshot): string | null {
  const { count, named } = sharedTaskIds(snapshot);
  if (count === 0) return null;
  const more = count > named.length ? `, and ${count - named.length} more` : "";
  const ids = named.map((id) => JSON.stringify(id)).join(", ");
  return `${counted(count, "task id")} of more than one user in ${snapshot.path}: ${ids}${more}; a lookup leads to the newest of them`;
}

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
