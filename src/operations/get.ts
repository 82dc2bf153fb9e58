import type { Artifacts } from "../artifacts/artifacts.ts";
import { isRedisError, TtsctlError } from "../errors.ts";
import { behindWarning, fallbackWarning, mirrorFor, type SourceChoice, type Stores } from "../store/mirror-link.ts";
import type { Mirror } from "../store/redis/mirror.ts";
import { FileBehind, fileWarnings } from "../store/task-store.ts";
import { idProblem, type TaskId } from "../task/ids.ts";
import { foldersOf } from "./owners.ts";

export type GetResult = Awaited<ReturnType<typeof getTask>>;

export interface GetParts extends Stores {
  /** Null: the task's files aren't listed. */
  readonly artifacts: Artifacts | null;
}

/** Reads a task from both stores, or the forced one; of a Redis that lacks changes only if the file can't be read. @throws TtsctlError REDIS_* or STORE_* if a needed store fails */
export async function getTask(parts: GetParts, id: TaskId, source: SourceChoice) {
  const { mirror, behind, warnings } = await mirrorFor(parts, source);
  const file = source === "redis" ? NOTHING : await fromFile(parts, id, warnings);
  const usesFile = behind !== undefined && file.problem === null;
  if (usesFile) warnings.push(behindWarning(behind, parts.file.path));
  const redis = mirror === null || usesFile ? null : await fromRedis(parts, mirror, id, source, warnings);
  if (file.problem !== null && redis === null) throw file.problem;
  const task = redis ?? file.task;
  const unread: string[] = [];
  const note = (reason: string) => void unread.push(reason);
  const files = await parts.artifacts?.list(foldersOf(parts.file.rules, id, task), id.taskId, note);
  return {
    source: redis !== null ? ("redis" as const) : file.task !== null ? ("file" as const) : null,
    /** The copy that a list would show. */
    task,
    file: file.task,
    redis,
    /** A record of these ids in the file that is not valid. */
    invalid: file.invalid,
    artifacts: files ?? [],
    /** Why some of its files may not be listed. */
    unread,
    warnings,
  };
}

async function fromRedis(parts: GetParts, mirror: Mirror, id: TaskId, source: SourceChoice, warnings: string[]) {
  // A user that no valid task can have would name the key of another task.
  if (idProblem("user_id", id.userId, parts.file.rules) !== undefined) return null;
  try {
    const [copy] = await mirror.read([id]);
    if (copy instanceof TtsctlError) throw copy;
    return copy ?? null;
  } catch (error) {
    if (source === "redis" || !isRedisError(error)) throw error;
    warnings.push(fallbackWarning(error, parts.file.path));
    return null;
  }
}

const NOTHING = { task: null, invalid: null, problem: null };

/** If Redis has the task, a file that can't be read is a warning. */
async function fromFile({ file }: GetParts, id: TaskId, warnings: string[]) {
  const behind = new FileBehind(file);
  await using snapshot = await behind.snapshot();
  warnings.push(...behind.warnings);
  if (snapshot === null) return { ...NOTHING, problem: behind.problem };
  if (!snapshot.exists) warnings.push(...fileWarnings(snapshot));
  const [task] = await snapshot.recordsOf([id]);
  return { task: task!, invalid: await snapshot.readInvalid(id), problem: null };
}
