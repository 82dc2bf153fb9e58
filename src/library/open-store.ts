import { TtsctlError } from "../errors.ts";
import { FileStore } from "../store/file/file-store.ts";
import { SharedSnapshot } from "../store/file/shared-snapshot.ts";
import type { MirrorLink } from "../store/mirror-link.ts";
import { newestTasks } from "../store/newest.ts";
import { OwedCopies } from "../store/owed-copies.ts";
import { TaskStore as TaskReader } from "../store/task-store.ts";
import { TaskWriter, type Written } from "../store/task-writer.ts";
import { WriterMark } from "../store/writer-mark.ts";
import { RecordParser } from "../task/parse.ts";
import { CleanupLoop } from "./cleanup-loop.ts";
import { MirrorRepair } from "./mirror-repair.ts";
import type { StoreParts } from "./parts.ts";
import { listQueryOf, pageOf } from "./queries.ts";
import { idOf, LibraryTask, taskOf } from "./stored-task.ts";
import type {
  CleanupOptions,
  DeleteResult,
  PageQuery,
  Source,
  StoredTask,
  SyncResult,
  TaskFilter,
  TaskPage,
  TaskRecord,
  TaskStore,
  UpsertResult,
} from "./types.ts";

/** The store layer as the library gives it; `types.ts` says what each method promises. */
export class OpenStore implements TaskStore {
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
    const { rules, clock, link, news, logger, settings } = parts;
    const path = settings.store.path.value;
    this.#parts = parts;
    this.#parser = new RecordParser(rules);
    this.#shared = new SharedSnapshot(path, rules, { grows: true });
    this.#readFile = new FileStore(path, rules, clock, { shared: this.#shared });
    const file = new FileStore(path, rules, clock);
    this.#owed = new OwedCopies((line) => logger.warn(line));
    this.#mark = new WriterMark(() => file.target());
    const [owed, mark] = [this.#owed, this.#mark];
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

  async upsert(task: TaskRecord | string): Promise<UpsertResult> {
    this.#refuseClosed();
    return resultOf(await this.#writer.upsert(taskOf(task, this.#parser)));
  }

  async delete(userId: string, taskId: string): Promise<DeleteResult> {
    this.#refuseClosed();
    return resultOf(await this.#writer.remove(idOf(userId, taskId, this.#parts.rules)));
  }

  async get(userId: string, taskId: string, options: { readonly source?: Source } = {}): Promise<StoredTask | null> {
    const id = idOf(userId, taskId, this.#parts.rules);
    return (await this.listByIds(id.userId, [id.taskId], options)).items[0] ?? null;
  }

  async listPage(query: PageQuery = {}): Promise<TaskPage> {
    this.#refuseClosed();
    return pageOf(await this.#reader.list(listQueryOf(query, this.#queryContext)));
  }

  async listByIds(
    userId: string,
    taskIds: readonly string[],
    filter: Omit<TaskFilter, "userId"> = {},
  ): Promise<TaskPage> {
    this.#refuseClosed();
    return pageOf(await this.#reader.list(listQueryOf({ ...filter, userId, taskIds }, this.#queryContext)));
  }

  async *all(filter: TaskFilter = {}): AsyncIterableIterator<StoredTask> {
    this.#refuseClosed();
    const query = listQueryOf(filter, this.#queryContext);
    const stores = { file: this.#readFile, link: this.#readLink };
    for await (const { tasks, warnings } of newestTasks(stores, query, Number.POSITIVE_INFINITY)) {
      for (const line of warnings) this.#parts.logger.warn(line);
      for (const task of tasks) yield new LibraryTask(task);
    }
  }

  async syncToRedis(): Promise<SyncResult> {
    this.#refuseClosed();
    return this.#repair.sync();
  }

  async startCleanup(options: CleanupOptions = {}): Promise<void> {
    this.#refuseClosed();
    if (this.#cleanup !== null)
      throw new TtsctlError("WATCHER_RUNNING", "the cleanup of this store is running already");
    const loop = new CleanupLoop(this.#parts, options);
    this.#cleanup = loop;
    await loop.start().catch((error) => {
      this.#cleanup = null;
      throw error;
    });
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

  get #queryContext() {
    return { rules: this.#parts.rules, clock: this.#parts.clock };
  }

  #refuseClosed(): void {
    if (this.#closing === null) return;
    throw new TtsctlError("STORE_CLOSED", `${this.#parts.settings.store.path.value} was closed by this program`);
  }
}

function resultOf<R extends UpsertResult | DeleteResult>({ file, mirror }: Written): R {
  return { file, redis: mirror } as R;
}
