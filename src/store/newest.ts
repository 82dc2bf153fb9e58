import { isRedisError } from "../errors.ts";
import { soleUser } from "../task/query-fields.ts";
import type { FileStore } from "./file/file-store.ts";
import { FileTasks } from "./file/file-tasks.ts";
import { KeyTable } from "./key-table.ts";
import { behindWarning, fallbackWarning, mirrorFor, type Stores } from "./mirror-link.ts";
import type { Mirror } from "./redis/mirror.ts";
import { MirrorTasks } from "./redis/mirror-tasks.ts";
import type { TaskPage } from "./task-source.ts";
import {
  danglingWarnings,
  doubtsOf,
  FileBehind,
  invalidWarnings,
  type ListQuery,
  type ListResult,
  lackOf,
  missingWarnings,
  sourceOf,
} from "./task-store.ts";

/** One piece of a long list. `total` is that of the whole. */
export type Piece = Pick<ListResult, "total" | "source" | "tasks" | "dangling" | "warnings">;

/**
 * The newest `limit` tasks that pass a filter, in pieces of bounded size, from the store that `TaskStore.list` would
 * read. Each task comes once, even if the service moves tasks during the run. If Redis is lost midway, the file gives the
 * rest.
 * @throws TtsctlError as `TaskStore.list`
 */
export async function* newestTasks({ file, link }: Stores, query: Query, limit: number): AsyncGenerator<Piece> {
  const given = new Given(limit);
  const { mirror, behind: problem, warnings } = await mirrorFor({ file, link }, query.source);
  if (problem !== undefined) warnings.push(behindWarning(problem, file.path));
  else if (mirror !== null) {
    const isForced = query.source === "redis";
    const behind = new FileBehind(file);
    try {
      const lack = isForced ? null : await lackIn(mirror, file, query);
      if (lack === null) return yield* fromMirror(mirror, behind, query, given);
      warnings.push(lack);
    } catch (error) {
      if (isForced || !isRedisError(error)) throw error;
      warnings.push(fallbackWarning(error, file.path));
    } finally {
      await behind.close();
    }
  }
  yield* fromFile(file, query, given, warnings);
}

type Query = Pick<ListQuery, "filter" | "source">;

/** The tasks given so far, so none comes twice. */
class Given {
  readonly #keys = new KeyTable();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get left(): number {
    return this.#limit - this.#keys.size;
  }

  /** The tasks of a page that are new, up to the limit. */
  take(page: TaskPage): TaskPage {
    const tasks = page.tasks.filter(({ userId, taskId }) => {
      const { size } = this.#keys;
      if (size >= this.#limit) return false;
      this.#keys.addId(userId, taskId);
      return this.#keys.size > size;
    });
    return { ...page, tasks };
  }
}

/** Why the file must answer, or null. */
async function lackIn(mirror: Mirror, file: FileStore, { filter }: Query): Promise<string | null> {
  const userId = soleUser(filter);
  const doubts = await doubtsOf(mirror, file, userId);
  if (doubts === null) return null;
  const behind = new FileBehind(file);
  try {
    const snapshot = await behind.snapshot();
    return await lackOf(mirror, doubts, snapshot, { userId, problem: behind.problem });
  } finally {
    await behind.close();
  }
}

async function* fromMirror(mirror: Mirror, behind: FileBehind, query: Query, given: Given): AsyncGenerator<Piece> {
  const tasks = new MirrorTasks(mirror, query.source === "auto" ? behind : null);
  let [dangling, unnamed] = [0, 0];
  for await (const page of tasks.newest(query.filter, () => given.left)) {
    const piece = given.take(page);
    dangling += piece.dangling;
    unnamed += piece.unnamed ?? 0;
    const source = sourceOf(piece.tasks, tasks);
    tasks.filled.clear();
    yield { ...piece, source, warnings: behind.warnings.splice(0) };
  }
  const warnings = danglingWarnings(dangling, unnamed);
  if (dangling > 0) yield { total: 0, tasks: [], dangling: 0, source: "redis", warnings };
}

async function* fromFile(file: FileStore, query: Query, given: Given, before: string[]): AsyncGenerator<Piece> {
  const snapshot = await file.read();
  try {
    let warnings = [...before, ...missingWarnings(snapshot), ...invalidWarnings(snapshot)];
    for await (const page of new FileTasks(snapshot).newest(query.filter, () => given.left)) {
      yield { ...given.take(page), source: "file", warnings };
      warnings = [];
    }
  } finally {
    await snapshot.close();
  }
}
