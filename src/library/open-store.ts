import type { Clock } from "../clock.ts";
import type { Settings } from "../config/settings.ts";
import { TtsctlError } from "../errors.ts";
import type { Parts } from "../parts/parts.ts";
import type { FileStore } from "../store/file/file-store.ts";
import type { SharedSnapshot } from "../store/file/shared-snapshot.ts";
import type { MirrorLink } from "../store/mirror-link.ts";
import { newestTasks } from "../store/newest.ts";
import type { OwedCopies } from "../store/owed-copies.ts";
import type { TaskId } from "../store/task-source.ts";
import { TaskStore as TaskReader } from "../store/task-store.ts";
import type { TaskWriter, Written } from "../store/task-writer.ts";
import type { WriterMark } from "../store/writer-mark.ts";
import { RecordParser } from "../task/parse.ts";
import type { RecordRules } from "../task/rules.ts";
import type { Task } from "../task/task.ts";
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
import { type ChangeContext, Claim, checkUpdateOptions, claimIdOf, claimRule, RecordUpdate } from "./changes.ts";
import { CleanupLoop, checkCleanup, cleanupOnce } from "./cleanup.ts";
import type { EventSource } from "./events.ts";
import type { MirrorRepair } from "./mirror-repair.ts";
import {
  checkFilter,
  cursorAfter,
  listQueryOf,
  type NamedTasks,
  pageAfter,
  pageOf,
  type QueryContext,
} from "./queries.ts";
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
  SyncResult,
  TaskFilter,
  TaskPage,
  TaskStatus,
  TaskStore,
  UpdateOptions,
  UpdateResult,
  WriteResult,
} from "./types.ts";

/** How often a claim that another program undid is tried again. */
const MOST_TRIES = 10;

/** What an open store is made of. */
interface StoreParts {
  readonly parts: Parts;
  /** For reads: the file as the writer keeps it, and a mirror that isn't read while it lacks changes. */
  readonly stores: { readonly file: FileStore; readonly link: MirrorLink };
  readonly settings: Settings;
  readonly rules: RecordRules;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: EventSource;
  readonly shared: SharedSnapshot;
  readonly owed: OwedCopies;
  readonly mark: WriterMark;
  readonly writer: TaskWriter;
  readonly repair: MirrorRepair;
}

/** The store layer as the library gives it; `types.ts` says what each method promises. */
export class OpenStore<T extends BaseTask> implements TaskStore<T> {
  readonly #parts: StoreParts;
  readonly #parser: RecordParser;
  readonly #reader: TaskReader;
  #cleanup: CleanupLoop | null = null;
  #closing: Promise<void> | null = null;

  constructor(parts: StoreParts) {
    this.#parts = parts;
    this.#parser = new RecordParser(parts.rules);
    this.#reader = new TaskReader(parts.stores.file, parts.stores.link);
  }

  upsert(task: T | string): Promise<WriteResult> {
    return this.#call(async () => {
      const parsed = taskOf(task, this.#parser);
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
      const update = new RecordUpdate(id, change, options, this.#changeContext);
      const written = await this.#parts.writer.update(update);
      if (update.failure !== null) throw update.failure.error;
      const { state, redis } = this.#resultOf(id, written);
      return {
        state: update.isConflict ? "conflict" : state,
        redis,
        task: written.task ? storedTask<T>(written.task) : null,
      };
    });
  }

  claim(
    from: readonly TaskStatus[],
    patch: Partial<T> & { readonly status: TaskStatus },
    options: ClaimOptions = {},
  ): Promise<ClaimedTask<T> | null> {
    return this.#call(async () => {
      const rule = claimRule(from, patch, options, this.#queryContext);
      for (let tries = 0; tries < MOST_TRIES; tries++) {
        const claim = new Claim(rule, this.#changeContext);
        const written = await this.#parts.writer.update(claim);
        const { file, task } = written;
        if (claim.failure !== null) throw claim.failure.error;
        if (file === "missing") return null;
        if (file === "written" && (await this.#holds(task!, claim.claimId))) {
          this.#resultOf(task!, written);
          return { ...storedTask<T>(task!), claimId: claim.claimId };
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
      const asked = listQueryOf(query, this.#queryContext);
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
      return (await this.#reader.list(listQueryOf({ ...filter, pageSize: 1 }, this.#queryContext))).total;
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
    const query = listQueryOf(filter, this.#queryContext);
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

  /** In the reverse order of what needs what. */
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

  /** Whether the file still has a claim: a service that takes no lock may have replaced it since. */
  async #holds({ userId, taskId }: Task, claimId: string): Promise<boolean> {
    const snapshot = await this.#parts.shared.read();
    try {
      const row = snapshot.rowOf(userId, taskId);
      return row >= 0 && claimIdOf((await snapshot.readTasks([row]))[0]!) === claimId;
    } finally {
      await snapshot.close();
    }
  }

  get #changeContext(): ChangeContext {
    return { parser: this.#parser, clock: this.#parts.clock };
  }

  async #list(query: PageQuery, named?: NamedTasks): Promise<TaskPage<T>> {
    return pageOf(await this.#reader.list(listQueryOf(query, this.#queryContext, named)), null);
  }

  #emptyPage(userId: string, filter: TaskFilter): TaskPage<T> {
    const { source } = listQueryOf({ ...filter, userId }, this.#queryContext);
    const none = { tasks: [], missing: [], dangling: 0, warnings: [] };
    return pageOf({ ...none, total: 0, page: 1, pageSize: 0, source: source === "redis" ? "redis" : "file" }, null);
  }

  /** Tells listeners of a change, too. */
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

  get #queryContext(): QueryContext {
    return { rules: this.#parts.rules, clock: this.#parts.clock };
  }

  #refuseClosed(): void {
    if (this.#closing === null) return;
    throw new TtsctlError("STORE_CLOSED", `${this.#parts.settings.store.path.value} was closed by this program`);
  }
}
