import { isRedisError, TtsctlError, valueIf } from "../errors.ts";
import { keyOf, memberOf, type TaskId, uniqueTasks } from "../task/ids.ts";
import type { RecordRules } from "../task/rules.ts";
import type { Snapshot } from "./file/snapshot.ts";
import { KeyTable } from "./key-table.ts";
import { mirrorFor, type SourceChoice, type Stores } from "./mirror-link.ts";

/** The tasks of any user with an id, from the store that is searched faster; the other is read for more. @throws STORE_* if the file is needed */
export async function* eachTaskWithId(parts: Stores, taskId: string): AsyncGenerator<TaskId> {
  const seen = new Set<string>();
  const fromRedis = () => inRedis(parts, [taskId], "auto");
  const fromFile = () => inFile(parts, [taskId], seen.size > 0);
  for (const search of parts.file.rules.isPublished ? [fromRedis, fromFile] : [fromFile, fromRedis]) {
    for (const id of await search()) {
      if (!seen.has(keyOf(id))) yield id;
      seen.add(keyOf(id));
    }
  }
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
  const all = "rows" in where ? tasksIn(where, taskIds) : await inBoth(where, taskIds, where.source);
  for (const id of all) found.get(id.taskId)!.push(id);
  return names.map((name) => {
    const tasks = idsIn(name).flatMap((taskId) => found.get(taskId)!);
    return tasks.filter((id) => id.taskId === name || memberOf(id) === name);
  });
}

/** An unreadable store is ignored if the other one has the tasks. */
async function inBoth(parts: Stores, taskIds: readonly string[], source: SourceChoice): Promise<TaskId[]> {
  const inMirror = await inRedis(parts, taskIds, source);
  if (source === "redis") return inMirror;
  const found = new Set(inMirror.map(({ taskId }) => taskId));
  return uniqueTasks([...inMirror, ...(await inFile(parts, taskIds, found.size === taskIds.length))]);
}

async function inRedis(parts: Stores, taskIds: readonly string[], source: SourceChoice): Promise<TaskId[]> {
  const { mirror, behind } = await mirrorFor(parts, source);
  if (mirror === null || behind !== undefined) return [];
  return mirror.tasksWithIds(taskIds).catch(valueIf((error) => source !== "redis" && isRedisError(error), []));
}

async function inFile({ file }: Stores, taskIds: readonly string[], isFound: boolean): Promise<TaskId[]> {
  await using snapshot = await file.read().catch(valueIf((error) => isFound && error instanceof TtsctlError, null));
  return snapshot === null ? [] : tasksIn(snapshot, taskIds);
}

/** The tasks of a file with these ids, newest first. */
function tasksIn(snapshot: Snapshot, taskIds: readonly string[]): TaskId[] {
  const wanted = new KeyTable();
  for (const taskId of taskIds) wanted.addId("", taskId);
  const { rows } = snapshot;
  const found = [...snapshot.liveRows()].filter((row) => wanted.findTaskOf(rows.keys, rows.key(row)) >= 0);
  return found.sort((a, b) => rows.compare(a, b)).map((row) => snapshot.idOf(row));
}
