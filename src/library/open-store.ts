import { TtsctlError } from "../errors.ts";
import { FileStore } from "../store/file/file-store.ts";
import { SharedSnapshot } from "../store/file/shared-snapshot.ts";
import type { MirrorLink } from "../store/mirror-link.ts";
import { newestTasks } from "../store/newest.ts";
import { OwedCopies } from "../store/owed-copies.ts";
import type { TaskId } from "../store/task-source.ts";
import { TaskStore as TaskReader } from "../store/task-store.ts";
import { TaskWriter, type Written } from "../store/task-writer.ts";
import { WriterMark } from "../store/writer-mark.ts";
import { RecordParser } from "../task/parse.ts";
import type { Task } from "../task/task.ts";
import {
  checkFunction,
  checkOptions,
  checkString,
  checkStrings,
  signalOf,
  throwIfAborted,
  wrongArgument,
} from "./arguments.ts";
import { artifactPath } from "./artifact-path.ts";
import { type ChangeContext, Claim, checkUpdateOptions, claimIdOf, claimRule, RecordUpdate } from "./changes.ts";
import { CleanupLoop } from "./cleanup-loop.ts";
import { checkCleanup, cleanupPass } from "./cleanup-pass.ts";
import { cursorAfter, pageAfter } from "./cursor.ts";
import { libraryError } from "./library-error.ts";
import { MirrorRepair } from "./mirror-repair.ts";
import type { StoreParts } from "./parts.ts";
import { checkFilter, listQueryOf, type NamedTasks, pageOf, type QueryContext } from "./queries.ts";
import { idOf, storedTask, taskOf } from "./stored-task.ts";
import type {
  BaseTask,
  ClaimedTask,
  ClaimOptions,
  CleanupOnceOptions,
  CleanupOptions,
  CleanupResult,
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

/** The store layer as the library gives it; `types.ts` says what each method promises. */
export class OpenStore<T extends BaseTask> implements TaskStore<T> {
  readonly #parts: StoreParts;
  readonly #parser: RecordParser;
  readonly #shared: SharedSnapshot;
  /** Reads what the writer keeps of the file. */
  readonly #readFile: FileStore;
  /** The way to the mirror for reads, which it doesn't answer while it lacks changes. */
  readonly #readLink: MirrorLink;
  readonly #reader: TaskReader;
  readonly #writer: TaskWriter;
  readonly #owed: OwedCopies;
  readonly #mark: WriterMark;
  readonly #repair: MirrorRepair;
  #cleanup: CleanupLoop | null = null;
  #closing: Promise<void> | null = null;

  constructor(parts: StoreParts) {
    const { rules, clock, link, news, events, logger, settings } = parts;
    const path = settings.store.path.value;
    this.#parts = parts;
    this.#parser = new RecordParser(rules);
    this.#shared = new SharedSnapshot(path, rules, { grows: true });
    this.#readFile = new FileStore(path, rules, clock, { shared: this.#shared });
    const file = new FileStore(path, rules, clock);
    this.#owed = new OwedCopies((line) => logger.warn(line));
    this.#mark = new WriterMark(() => file.target());
    const [owed, mark] = [this.#owed, this.#mark];
    events.owed = () => owed.size;
    this.#readLink = { open: async () => owed.forReaders(await link.open()), close: () => link.close() };
    this.#reader = new TaskReader(this.#readFile, this.#readLink);
    this.#writer = new TaskWriter({
      ...{ file, shared: this.#shared, owed, rules, clock, link },
      mark: settings.redis.enabled.value ? mark : null,
      warn: (line) => logger.warn(line),
      onMirrorFailure: (error, count) => news.onFailure(error, count),
    });
    this.#repair = new MirrorRepair(parts, { shared: this.#shared, owed, writer: this.#writer, mark });
    news.whenConnected((mirror) => this.#repair.admit(mirror));
    news.whenUp(() => this.#repair.begin());
  }

  upsert(task: T | string): Promise<WriteResult> {
    return this.#call(async () => {
      const parsed = taskOf(task, this.#parser);
      return this.#resultOf(parsed, await this.#writer.upsert(parsed));
    });
  }

  delete(userId: string, taskId: string): Promise<WriteResult> {
    return this.#call(async () => {
      const id = idOf(userId, taskId, this.#parts.rules);
      return this.#resultOf(id, await this.#writer.remove(id));
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
      const written = await this.#writer.update(update);
      if (update.failure !== null) throw update.failure.error;
      const { state, redis } = this.#resultOf(id, written);
      return {
        ...{ state: update.isConflict ? "conflict" : state, redis },
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
        const written = await this.#writer.update(claim);
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
        const { hasMore, ...result } = await pageAfter(this.#stores, asked, query.cursor, rules);
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
      for await (const { tasks, warnings } of newestTasks(this.#stores, query, Number.POSITIVE_INFINITY)) {
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
      const result = await this.#repair.sync(signal);
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
      const loop = new CleanupLoop(this.#parts, options);
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
      checkCleanup(this.#parts);
      throwIfAborted(signal);
      const { counts, problem } = await cleanupPass(this.#parts, { signal, dryRun: options.dryRun ?? false });
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
    await this.stopCleanup();
    await this.#repair.close();
    await this.#writer.close();
    const { problem } = this.#owed;
    if (problem !== null) this.#parts.logger.warn(`${problem}: the next program that opens the store makes up for it`);
    await this.#mark.close(problem === null);
    await this.#shared.close();
    await this.#parts.link.close();
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
    const snapshot = await this.#shared.read();
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

  get #stores() {
    return { file: this.#readFile, link: this.#readLink };
  }

  get #queryContext(): QueryContext {
    return { rules: this.#parts.rules, clock: this.#parts.clock };
  }

  #refuseClosed(): void {
    if (this.#closing === null) return;
    throw new TtsctlError("STORE_CLOSED", `${this.#parts.settings.store.path.value} was closed by this program`);
  }
}
