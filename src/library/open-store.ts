import { randomUUID } from "node:crypto";
import { systemClock } from "../clock.ts";
import { TtsctlError } from "../errors.ts";
import { RunParts } from "../parts/parts.ts";
import { findClaimable } from "../store/claim.ts";
import type { Update } from "../store/file/batch-plan.ts";
import { FileStore } from "../store/file/file-store.ts";
import { OwedCopies } from "../store/owed-copies.ts";
import type { TaskId } from "../store/task-source.ts";
import { newestTasks, TaskStore as TaskReader } from "../store/task-store.ts";
import { TaskWriter, type Written } from "../store/task-writer.ts";
import { WriterMark } from "../store/writer-mark.ts";
import { RecordParser, type Task } from "../task/task.ts";
import {
  checkFunction,
  checkOptions,
  checkString,
  checkStrings,
  libraryError,
  signalOf,
  throwIfAborted,
  wrongArgument,
} from "./arguments.ts";
import { checkUpdateOptions, claimIdOf, claimRule, updated, withClaim } from "./changes.ts";
import { CleanupLoop, checkCleanup, cleanupOnce } from "./cleanup.ts";
import { EventSource } from "./events.ts";
import { MirrorRepair } from "./mirror-repair.ts";
import { checkFilter, cursorAfter, listQueryOf, type NamedTasks, pageAfter, pageOf } from "./queries.ts";
import { settingsOf } from "./settings.ts";
import { artifactPath, idOf, storedTask, taskOf } from "./stored-task.ts";
import type {
  BaseTask,
  ClaimedTask,
  ClaimOptions,
  CleanupOnceOptions,
  CleanupOptions,
  CleanupResult,
  Logger,
  PageQuery,
  RedisOutcome,
  SignalOptions,
  Source,
  StoredTask,
  StoreEvents,
  StoreOptions,
  SyncResult,
  TaskFilter,
  TaskPage,
  TaskRecord,
  TaskStatus,
  TaskStore,
  UpdateOptions,
  UpdateResult,
  WriteResult,
} from "./types.ts";

/** Attempts at a claim that another program undoes. */
const MOST_TRIES = 10;

const SILENT: Logger = { info: () => {}, warn: () => {} };
const NEVER = new AbortController().signal;

/**
 * Opens the tasks of a service. It connects to Redis on first use. Close the store when done.
 * @typeParam T the service's record
 * @throws TtsctlError USAGE for an unknown option, CONFIG_* for a wrong value or a missing file
 */
export async function openTaskStore<T extends BaseTask = TaskRecord>(options: StoreOptions): Promise<TaskStore<T>> {
  return new OpenStore<T>(await openParts(options));
}

type StoreParts = Awaited<ReturnType<typeof openParts>>;

async function openParts(options: StoreOptions) {
  const settings = await settingsOf(options);
  const logger = options.logger === undefined ? SILENT : guarded(options.logger);
  const warn = (line: string) => logger.warn(line);
  for (const line of [...settings.warnings, ...settings.changeWarnings.splice(0)]) warn(line);
  const { clock: given } = options;
  const clock = given === undefined ? systemClock : { ...systemClock, now: () => given.now() / 1000 };
  const parts = new RunParts({
    clock,
    reporter: { warn, progress: () => {}, done: async () => {} },
    signal: () => NEVER,
    loadSettings: async () => settings,
    caller: { argv: process.argv.slice(1, 2), cwd: process.cwd(), env: process.env, request: null },
  });
  const rules = await parts.rules();
  const owed = new OwedCopies(warn);
  const events = new EventSource(logger, clock, () => owed.size);
  const { shared, link } = await parts.liveOn({
    events: {
      onUp: ({ where }, again) => {
        events.mirrorUp(where, again);
        repair.begin();
      },
      onDown: (error) => events.mirrorDown(error),
    },
    forReaders: (state) => owed.forReaders(state),
    admit: (mirror) => repair.admit(mirror),
    grows: true,
  });
  const file = new FileStore(settings.store.path.value, rules, clock);
  const mark = new WriterMark(() => file.target());
  const onMirrorFailure = (error: TtsctlError, count: number) => events.mirrorFailed(error, count);
  const marked = settings.redis.enabled.value ? mark : null;
  const writer = new TaskWriter({ file, shared, owed, rules, clock, link, mark: marked, warn, onMirrorFailure });
  const repair = new MirrorRepair({ parts, logger, shared, link, owed, writer, mark });
  const stores = { file: await parts.fileStore(), link: await parts.mirrorLink() };
  const parser = new RecordParser(rules);
  return { parts, stores, settings, rules, parser, clock, logger, events, shared, owed, mark, writer, repair };
}

/** A logger that throws must not fail a write that is on the disk. */
function guarded(logger: Logger): Logger {
  const quietly = (log: () => void) => {
    try {
      log();
    } catch {
      // There is nowhere else to log.
    }
  };
  return {
    info: (line) => quietly(() => logger.info(line)),
    warn: (line) => quietly(() => logger.warn(line)),
  };
}

class OpenStore<T extends BaseTask> implements TaskStore<T> {
  readonly #parts: StoreParts;
  readonly #reader: TaskReader;
  #cleanup: CleanupLoop | null = null;
  #closing: Promise<void> | null = null;

  constructor(parts: StoreParts) {
    this.#parts = parts;
    this.#reader = new TaskReader(parts.stores.file, parts.stores.link);
  }

  upsert(task: T | string): Promise<WriteResult> {
    return this.#call(async () => {
      const parsed = taskOf(task, this.#parts.parser);
      return this.#resultOf(parsed, await this.#parts.writer.upsert(parsed));
    });
  }

  delete(userId: string, taskId: string): Promise<WriteResult> {
    return this.#call(async () => {
      const id = idOf(userId, taskId, this.#parts.rules);
      return this.#resultOf(id, await this.#parts.writer.remove(id));
    });
  }

  update(
    userId: string,
    taskId: string,
    change: (record: T) => T | null,
    options: UpdateOptions = {},
  ): Promise<UpdateResult<T>> {
    return this.#call(async () => {
      const id = idOf(userId, taskId, this.#parts.rules);
      checkFunction(change, "the change of update()");
      checkUpdateOptions(options);
      let isConflict = false;
      const find = () => id;
      const written = await this.#update(find, (task) => {
        isConflict = options.claimId !== undefined && options.claimId !== claimIdOf(task);
        return isConflict ? null : updated(task, change, options, this.#parts);
      });
      const { state, redis } = this.#resultOf(id, written);
      const task = written.task ? storedTask<T>(written.task) : null;
      return { state: isConflict ? "conflict" : state, redis, task };
    });
  }

  claim(
    from: readonly TaskStatus[],
    patch: Partial<T> & { readonly status: TaskStatus },
    options: ClaimOptions = {},
  ): Promise<ClaimedTask<T> | null> {
    return this.#call(async () => {
      const rule = claimRule(from, patch, options, this.#parts);
      const find: Update["find"] = (snapshot, pending) =>
        findClaimable(snapshot, pending(), { ...rule, now: this.#parts.clock.now() });
      for (let tries = 0; tries < MOST_TRIES; tries++) {
        const claimId = randomUUID();
        const written = await this.#update(find, (task) => withClaim(task, claimId, rule, this.#parts));
        const { file, task } = written;
        if (file === "missing") return null;
        if (file === "written" && (await this.#holds(task!, claimId))) {
          this.#resultOf(task!, written);
          return { ...storedTask<T>(task!), claimId };
        }
      }
      this.#parts.logger.warn("no task was claimed: another program keeps undoing the claims");
      return null;
    });
  }

  get(userId: string, taskId: string, options: { readonly source?: Source } = {}): Promise<StoredTask<T> | null> {
    return this.#call(async () => {
      const id = idOf(userId, taskId, this.#parts.rules);
      checkOptions(options, "get: the options", ["source"]);
      const { items } = await this.#list(options, { userId: id.userId, taskIds: [id.taskId] });
      return items[0] ?? null;
    });
  }

  listPage(query: PageQuery = {}): Promise<TaskPage<T>> {
    return this.#call(async () => {
      const asked = listQueryOf(query, this.#parts);
      const { rules } = this.#parts;
      if (query.cursor != null) {
        const { hasMore, ...result } = await pageAfter(this.#parts.stores, asked, query.cursor, rules);
        return pageOf(result, hasMore ? cursorAfter(result.tasks, asked, rules) : null);
      }
      const result = await this.#reader.list(asked);
      const hasMore = asked.page * asked.pageSize < result.total;
      return pageOf(result, hasMore ? cursorAfter(result.tasks, asked, rules) : null);
    });
  }

  count(filter: TaskFilter = {}): Promise<number> {
    return this.#call(async () => {
      checkFilter(filter);
      return (await this.#reader.list(listQueryOf({ ...filter, pageSize: 1 }, this.#parts))).total;
    });
  }

  listByIds(userId: string, taskIds: readonly string[], filter: Omit<TaskFilter, "userId"> = {}): Promise<TaskPage<T>> {
    return this.#call(async () => {
      checkString(userId, "userId");
      checkStrings(taskIds, "taskIds", '["t01", "t02"]');
      return taskIds.length === 0 ? this.#emptyPage(userId, filter) : this.#list(filter, { userId, taskIds });
    });
  }

  async *all(filter: TaskFilter = {}, options: SignalOptions = {}): AsyncIterableIterator<StoredTask<T>> {
    this.#refuseClosed();
    checkFilter(filter);
    const signal = signalOf(options, "all");
    const query = listQueryOf(filter, this.#parts);
    try {
      for await (const { tasks, warnings } of newestTasks(this.#parts.stores, query, Number.POSITIVE_INFINITY)) {
        for (const line of warnings) this.#parts.logger.warn(line);
        for (const task of tasks) {
          throwIfAborted(signal);
          yield storedTask<T>(task);
        }
      }
    } catch (error) {
      throw libraryError(error);
    }
  }

  syncToRedis(options: SignalOptions = {}): Promise<SyncResult> {
    return this.#call(async () => {
      const signal = signalOf(options, "syncToRedis");
      throwIfAborted(signal);
      const result = await this.#parts.repair.sync(signal);
      return result.problem === null ? result : { counts: null, problem: libraryError(result.problem) };
    });
  }

  startCleanup(options: CleanupOptions = {}): Promise<void> {
    return this.#call(async () => {
      checkOptions(options, "startCleanup: the options", ["onPass"]);
      if (options.onPass !== undefined) checkFunction(options.onPass, "onPass");
      if (this.#cleanup !== null) {
        throw new TtsctlError("WATCHER_RUNNING", "the cleanup of this store is running already");
      }
      const loop = new CleanupLoop(this.#parts.parts, this.#parts.logger, options);
      this.#cleanup = loop;
      await loop.start().catch((error) => {
        this.#cleanup = null;
        throw error;
      });
    });
  }

  cleanupOnce(options: CleanupOnceOptions = {}): Promise<CleanupResult> {
    return this.#call(async () => {
      const signal = signalOf(options, "cleanupOnce", ["dryRun"]);
      const { parts } = this.#parts;
      await checkCleanup(parts);
      throwIfAborted(signal);
      const run = await parts.forCall("cleanupOnce", signal);
      const { counts, problem } = await cleanupOnce(run, options.dryRun ?? false);
      return { counts, problem: libraryError(problem) };
    });
  }

  artifactPath(userId: string, taskId: string, name: string): Promise<string> {
    return this.#call(async () => {
      const { settings, rules } = this.#parts;
      checkString(name, "name");
      if (settings.configPath === null && settings.paths.output.source === "default") {
        throw new TtsctlError("CONFIG_REQUIRED", "artifactPath: output isn't given", {
          hint: "give openTaskStore output, or a config",
        });
      }
      return artifactPath(settings.paths.output.value, idOf(userId, taskId, rules), name, rules);
    });
  }

  on<Name extends keyof StoreEvents>(name: Name, listener: (event: StoreEvents[Name]) => void): () => void {
    this.#refuseClosed();
    if (name !== "mirror" && name !== "change") {
      throw wrongArgument(`there is no event ${JSON.stringify(name)}`, "mirror, change");
    }
    checkFunction(listener, "the listener");
    return this.#parts.events.on(name, listener);
  }

  async stopCleanup(): Promise<void> {
    const loop = this.#cleanup;
    await loop?.stop();
    if (this.#cleanup === loop) this.#cleanup = null;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const { parts, repair, writer, owed, mark, logger } = this.#parts;
    await this.stopCleanup();
    await repair.close();
    await writer.close();
    const { problem } = owed;
    if (problem !== null) logger.warn(`${problem}: the next program that opens the store makes up for it`);
    await mark.close(problem === null);
    await parts.release();
  }

  /** Refuses calls after the close; errors name the options of the library. */
  async #call<R>(work: () => Promise<R>): Promise<R> {
    this.#refuseClosed();
    try {
      return await work();
    } catch (error) {
      throw libraryError(error);
    }
  }

  /** Whether the file still has a claim: a service without locks may have replaced the record. */
  async #holds({ userId, taskId }: Task, claimId: string): Promise<boolean> {
    const snapshot = await this.#parts.shared.read();
    try {
      const row = snapshot.rowOf(userId, taskId);
      return row >= 0 && claimIdOf((await snapshot.readTasks([row]))[0]!) === claimId;
    } finally {
      await snapshot.close();
    }
  }

  /** Throws what `next` throws; other changes of the batch don't fail with it. */
  async #update(find: Update["find"], next: (task: Task) => Task | null): Promise<Written> {
    let failure: { error: unknown } | undefined;
    const change = (task: Task) => {
      failure = undefined;
      try {
        return next(task);
      } catch (error) {
        failure = { error };
        return null;
      }
    };
    const written = await this.#parts.writer.update({ kind: "update", find, change });
    if (failure !== undefined) throw failure.error;
    return written;
  }

  async #list(query: PageQuery, named?: NamedTasks): Promise<TaskPage<T>> {
    return pageOf(await this.#reader.list(listQueryOf(query, this.#parts, named)), null);
  }

  #emptyPage(userId: string, filter: TaskFilter): TaskPage<T> {
    const { source } = listQueryOf({ ...filter, userId }, this.#parts);
    const none = { tasks: [], missing: [], dangling: 0, warnings: [] };
    return pageOf({ ...none, total: 0, page: 1, pageSize: 0, source: source === "redis" ? "redis" : "file" }, null);
  }

  /** Also reports a change to listeners. */
  #resultOf({ userId, taskId }: TaskId, { file: state, mirror }: Written): WriteResult {
    const redis = this.#outcomeOf(state, mirror);
    if (state === "written" || state === "removed") this.#parts.events.change({ userId, taskId, state, redis });
    return { state, redis };
  }

  #outcomeOf(file: Written["file"], mirror: Written["mirror"]): RedisOutcome {
    if (!this.#parts.settings.redis.enabled.value) return { state: "off" };
    if (mirror instanceof TtsctlError) return { state: "failed", error: libraryError(mirror) };
    return { state: file === "newer" ? "skipped" : mirror };
  }

  #refuseClosed(): void {
    if (this.#closing === null) return;
    throw new TtsctlError("STORE_CLOSED", `${this.#parts.settings.store.path.value} was closed by this program`);
  }
}
