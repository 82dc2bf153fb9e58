import type { Snapshot } from "../store/file/snapshot.ts";
import { KeyTable } from "../store/key-table.ts";
import { counted, firstOf } from "../task/amounts.ts";

const NAMED = 5;

/** In one line, the task ids that should be unique and belong to more than one user; null for none. */
export function describeShared({ rows, rules, path }: Snapshot): string | null {
  if (!rules.isPublished) return null;
  const taskIds = new KeyTable();
  const twice = new Set<number>();
  for (let key = 0; key < rows.keys.size; key++) {
    if (rows.liveRow(key) < 0) continue;
    const known = taskIds.size;
    const taskId = taskIds.addTaskOf(rows.keys, key);
    if (taskId < known) twice.add(taskId);
  }
  if (twice.size === 0) return null;
  const ids = [...twice].slice(0, NAMED).map((taskId) => JSON.stringify(taskIds.taskId(taskId)));
  return `${counted(twice.size, "task id")} of more than one user in ${path}: ${firstOf(ids, twice.size)}; a lookup by task id finds only the newest task`;
}
