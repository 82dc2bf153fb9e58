import type { Artifact, Artifacts, LogPart } from "../artifacts/artifacts.ts";
import { isRedisError, TtsctlError } from "../errors.ts";
import type { FileStore } from "../store/file/file-store.ts";
import { FileTasks } from "../store/file/file-tasks.ts";
import type { Snapshot } from "../store/file/snapshot.ts";
import { fallbackWarning, type MirrorLink, redisDisabled, type SourceChoice } from "../store/mirror-link.ts";
import type { TaskId } from "../store/task-source.ts";
import { idProblem } from "../task/ids.ts";
import type { Task } from "../task/task.ts";

/** One task from both stores. */
export interface GetResult {
  readonly source: "redis" | "file" | null;
  /** The copy that a list would show. */
  readonly task: Task | null;
  readonly file: Task | null;
  readonly redis: Task | null;
  /** A record of these ids in the file that is not valid. */
  readonly invalid: { json: string; reason: string } | null;
  readonly artifacts: Artifact[];
  /** The last lines of its logs, oldest log first; null where they were not asked for. */
  readonly log: LogPart[] | null;
  readonly warnings: string[];
}

export interface GetParts {
  readonly file: FileStore;
  readonly link: MirrorLink;
  readonly artifacts: Artifacts;
}

export interface GetOptions {
  readonly source: SourceChoice;
  /** How many of the last lines of its logs; null for none. */
  readonly logLines: number | null;
}

/**
 * Looks for one task in both stores, or in the one that is forced.
 * @throws TtsctlError REDIS_* where Redis is forced and cannot answer, STORE_* where the file is needed and cannot
 */
export async function getTask(parts: GetParts, id: TaskId, { source, logLines }: GetOptions): Promise<GetResult> {
  const warnings: string[] = [];
  // A user that no valid task can have would name the key of another task.
  const asks = source !== "file" && idProblem("user_id", id.userId, parts.file.rules) === undefined;
  const redis = !asks ? null : await fromRedis(parts, id, source === "redis", warnings);
  const file = source === "redis" ? NOTHING : await fromFile(parts, id, redis !== null, warnings);
  return {
    source: redis !== null ? "redis" : file.task !== null ? "file" : null,
    task: redis ?? file.task,
    file: file.task,
    redis,
    invalid: file.invalid,
    artifacts: await parts.artifacts.list(id.userId, id.taskId),
    log: logLines === null ? null : await parts.artifacts.lastLogLines(id.taskId, logLines),
    warnings,
  };
}

async function fromRedis(
  { link, file }: GetParts,
  id: TaskId,
  forced: boolean,
  warnings: string[],
): Promise<Task | null> {
  const state = await link.open();
  try {
    if (state.kind === "off" && forced) throw redisDisabled();
    if (state.kind === "down") throw state.error;
    if (state.kind === "off") return null;
    const [copy] = await state.mirror.read([id]);
    if (copy instanceof TtsctlError) throw copy;
    return copy ?? null;
  } catch (error) {
    if (forced || !isRedisError(error)) throw error;
    warnings.push(fallbackWarning(error, file.path));
    return null;
  }
}

interface FileAnswer {
  readonly task: Task | null;
  readonly invalid: GetResult["invalid"];
}

const NOTHING: FileAnswer = { task: null, invalid: null };

async function fromFile({ file }: GetParts, id: TaskId, inRedis: boolean, warnings: string[]): Promise<FileAnswer> {
  let snapshot: Snapshot;
  try {
    snapshot = await file.read();
  } catch (error) {
    if (!inRedis || !(error instanceof TtsctlError)) throw error;
    warnings.push(`Redis answered alone: ${error.message}`);
    return NOTHING;
  }
  try {
    const [task] = await new FileTasks(snapshot).find([id]);
    return { task: task ?? null, invalid: await snapshot.readInvalid(id) };
  } finally {
    await snapshot.close();
  }
}
