import { isRedisError, TtsctlError, usage } from "../errors.ts";
import { keyOf, memberOf } from "../task/ids.ts";
import { KeyTable } from "./key-table.ts";
import { mirrorFor, type SourceChoice, type Stores } from "./mirror-link.ts";
import type { Mirror } from "./redis/mirror.ts";
import type { TaskId } from "./task-source.ts";

/** The tasks of any user with these ids, by id. */
async function tasksWithId(
  parts: Stores,
  taskIds: readonly string[],
  source: SourceChoice,
): Promise<Map<string, TaskId[]>> {
  const found = new Map<string, TaskId[]>(taskIds.map((taskId) => [taskId, []]));
  const add = (ids: readonly TaskId[]) => {
    for (const id of ids) {
      const same = found.get(id.taskId)!;
      if (!same.some(({ userId }) => userId === id.userId)) same.push(id);
    }
  };
  if (source !== "file") add(await inRedis(parts, taskIds, source === "redis"));
  const isFound = [...found.values()].every((same) => same.length > 0);
  if (source !== "redis") add(await inFile(parts, taskIds, isFound));
  return found;
}

/**
 * The tasks of any user with an id, one by one: the second store is read only if the caller asks for more. Redis is first if
 * it has lookups, else the file, which is quicker to search than the index.
 * @throws TtsctlError STORE_* if the file is needed and can't be read
 */
export async function* eachTaskWithId(parts: Stores, taskId: string): AsyncGenerator<TaskId> {
  const seen = new Set<string>();
  const fromRedis = () => inRedis(parts, [taskId], false);
  const fromFile = () => inFile(parts, [taskId], seen.size > 0);
  for (const search of parts.file.rules.taskIdIsUnique ? [fromRedis, fromFile] : [fromFile, fromRedis]) {
    for (const id of await search()) {
      if (!seen.has(keyOf(id))) yield id;
      seen.add(keyOf(id));
    }
  }
}

/**
 * The user of each task id, from the file, and from Redis by the lookup or, in a layout without lookups, by a search in the
 * index. Unknown ids are absent. An unreadable store is ignored if the other one has the task.
 * @throws TtsctlError USAGE if several users have an id, REDIS_* if Redis is forced, STORE_* if the file can't be read and
 *   Redis lacks an id
 */
export async function ownersOf(
  parts: Stores,
  taskIds: readonly string[],
  source: SourceChoice,
): Promise<Map<string, string>> {
  const owners = new Map<string, string>();
  for (const [taskId, tasks] of await tasksWithId(parts, taskIds, source)) {
    if (tasks.length > 1) {
      const names = tasks.map(({ userId }) => memberOf(userId, taskId)).join(", ");
      throw usage(`${tasks.length} users have a task ${JSON.stringify(taskId)}: ${names}`, "name the user too");
    }
    if (tasks[0] !== undefined) owners.set(taskId, tasks[0].userId);
  }
  return owners;
}

async function inRedis(parts: Stores, taskIds: readonly string[], forced: boolean): Promise<TaskId[]> {
  const { mirror, behind } = await mirrorFor(parts, forced ? "redis" : "auto");
  if (mirror === null || behind !== undefined) return [];
  try {
    return await inMirror(mirror, taskIds);
  } catch (error) {
    if (forced || !isRedisError(error)) throw error;
    return [];
  }
}

async function inMirror(mirror: Mirror, taskIds: readonly string[]): Promise<TaskId[]> {
  if (mirror.layout.lookup === undefined) {
    const found: TaskId[] = [];
    for (const taskId of taskIds) found.push(...(await mirror.tasksWithId(taskId)));
    return found;
  }
  const users = await mirror.lookedUp(taskIds);
  return taskIds.flatMap((taskId, i) => (users[i] == null ? [] : [{ userId: users[i], taskId }]));
}

/** Newest first. */
async function inFile({ file }: Stores, taskIds: readonly string[], isFound: boolean): Promise<TaskId[]> {
  await using snapshot = await file.read().catch((error) => {
    if (!isFound || !(error instanceof TtsctlError)) throw error;
    return null;
  });
  if (snapshot === null) return [];
  const wanted = new KeyTable();
  for (const taskId of taskIds) wanted.addId("", taskId);
  const { rows } = snapshot;
  const found = [...snapshot.liveRows()].filter((row) => wanted.findTaskOf(rows.keys, rows.key(row)) >= 0);
  return found.sort((a, b) => rows.compare(a, b)).map((row) => snapshot.idOf(row));
}
