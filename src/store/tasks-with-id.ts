import { isRedisError, valueIf } from "../errors.ts";
import { keyOf, memberOf, type TaskId } from "../task/ids.ts";
import type { RecordRules } from "../task/rules.ts";
import type { Snapshot } from "./file/snapshot.ts";
import { KeyTable } from "./key-table.ts";
import { mirrorFor, type SourceChoice, type Stores } from "./mirror-link.ts";
import { FileBehind } from "./task-store.ts";

/**
 * The tasks of any user with these ids, from the store that is searched faster; the other is read for more. An unreadable
 * file is ignored if Redis has a task of each id. @throws REDIS_* if forced, STORE_* if needed
 */
export async function* eachTaskWithId(
  parts: Stores,
  taskIds: readonly string[],
  source: SourceChoice = "auto",
): AsyncGenerator<TaskId> {
  const seen = new Set<string>();
  const missing = new Set(taskIds);
  await using behind = new FileBehind(parts.file);
  const fromRedis = () => inRedis(parts, taskIds, source);
  const fromFile = async () => {
    const snapshot = await behind.snapshot();
    return snapshot === null ? [] : tasksIn(snapshot, taskIds);
  };
  const searches = parts.file.rules.isPublished ? [fromRedis, fromFile] : [fromFile, fromRedis];
  for (const search of source === "redis" ? [fromRedis] : searches) {
    for (const id of await search()) {
      if (!seen.has(keyOf(id))) yield id;
      seen.add(keyOf(id));
      missing.delete(id.taskId);
    }
  }
  if (behind.problem !== null && missing.size > 0) throw behind.problem;
}

/** How many colons of a name may be the one between its ids, from the left. */
const MOST_COLONS = 16;

/** The tasks that each name may mean: by task id or, if ids may have colons, `user:task`. @throws REDIS_* if forced, STORE_* if needed */
export async function tasksNamed(
  names: readonly string[],
  { isPublished }: RecordRules,
  where: Snapshot | (Stores & { readonly source: SourceChoice }),
): Promise<TaskId[][]> {
  const idsIn = (name: string) => {
    const ids = [name];
    const colonFrom = (from: number) => (isPublished && ids.length <= MOST_COLONS ? name.indexOf(":", from) : -1);
    for (let colon = colonFrom(0); colon >= 0; colon = colonFrom(colon + 1)) ids.push(name.slice(colon + 1));
    return ids;
  };
  const taskIds = [...new Set(names.flatMap(idsIn))];
  const found = new Map<string, TaskId[]>(taskIds.map((taskId) => [taskId, []]));
  const all = "rows" in where ? tasksIn(where, taskIds) : eachTaskWithId(where, taskIds, where.source);
  for await (const id of all) found.get(id.taskId)!.push(id);
  return names.map((name) => {
    const tasks = idsIn(name).flatMap((taskId) => found.get(taskId)!);
    return tasks.filter((id) => id.taskId === name || memberOf(id) === name);
  });
}

async function inRedis(parts: Stores, taskIds: readonly string[], source: SourceChoice): Promise<TaskId[]> {
  const { mirror, behind } = await mirrorFor(parts, source);
  if (mirror === null || behind !== undefined) return [];
  return mirror.tasksWithIds(taskIds).catch(valueIf((error) => source !== "redis" && isRedisError(error), []));
}

/** The tasks of a file with these ids, newest first. */
function tasksIn(snapshot: Snapshot, taskIds: readonly string[]): TaskId[] {
  const wanted = new KeyTable();
  for (const taskId of taskIds) wanted.addId("", taskId);
  const { rows } = snapshot;
  const found = [...snapshot.liveRows()].filter((row) => wanted.findTaskOf(rows.keys, rows.key(row)) >= 0);
  return found.sort((a, b) => rows.compare(a, b)).map((row) => snapshot.idOf(row));
}
