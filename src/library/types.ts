/** The types of the library, complete in themselves: of this file and of `errors.ts` the build makes `dist/library.d.mts`. */
import type { TtsctlError } from "../errors.ts";

/** How Redis is reached. docs/settings.md has which option replaces which. */
export interface RedisOptions {
  /** `redis://[user:password@]host[:port][/db]`, `rediss://` the same with TLS, or `unix:///path`. */
  readonly url?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly db?: number | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** `500ms`, `2s`, or a number of seconds: how long a connection or a command may take. */
  readonly timeout?: string | number | undefined;
  /** `host:port, ...`, with the name of the primary, and the login at the Sentinels if they need one. */
  readonly sentinels?: string | undefined;
  readonly sentinelName?: string | undefined;
  readonly sentinelUsername?: string | undefined;
  readonly sentinelPassword?: string | undefined;
  /** A cluster, of which host and port, or each of `nodes` (`host:port, ...`), are a node. */
  readonly cluster?: boolean | undefined;
  readonly nodes?: string | undefined;
  /** TLS, with paths of PEM files relative to the working directory. */
  readonly tls?: boolean | undefined;
  readonly tlsCa?: string | undefined;
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
  /** The name in the server's certificate, if it isn't the host. */
  readonly tlsServerName?: string | undefined;
  /** How the service lays its tasks out in Redis. Default: `plain`. */
  readonly layout?: "plain" | "api_ms" | "api_ms_v3" | undefined;
  /** The prefix of each key, such as `staging:`. Default: none. */
  readonly prefix?: string | undefined;
}

/** Gets lines for an operator; pino and `console` are such loggers. */
export interface Logger {
  info(message: string): void;
  warn(message: string): void;
}

/** `30m`, `2h`, `7d`, or a number of seconds. */
export type Age = string | number;

/** How long finished tasks are kept, by status. */
export interface RetentionOptions {
  /** For statuses that aren't named here. */
  readonly default?: Age | undefined;
  readonly done?: Age | undefined;
  readonly error?: Age | undefined;
}

/** The settings of a store. `store` or `config` must be given; options override `config`. */
export interface StoreOptions {
  /** The path of a `config.ini`; relative paths in it start beside it. */
  readonly config?: string | undefined;
  /** The path of the store file, relative to the working directory. */
  readonly store?: string | undefined;
  /** A url, the parts of an address, or `"off"`. Default: that of `config`, else off. */
  readonly redis?: string | RedisOptions | undefined;
  /** The zone of times without an offset, such as `Asia/Shanghai`. Default: the machine's. */
  readonly timezone?: string | undefined;
  /** The directories of audio and logs, which the cleanup needs. */
  readonly output?: string | undefined;
  readonly logs?: string | undefined;
  /** For every status, or for each. The policy is that of `[cleanup]`, with its defaults. */
  readonly retention?: Age | RetentionOptions | undefined;
  /** As `[cleanup] keep_last`: a number of tasks of each user. */
  readonly keepLast?: number | undefined;
  /** As `[cleanup] max_bytes`: bytes, or a size such as `20GB`. */
  readonly maxBytes?: string | number | undefined;
  /** Default: nothing is logged. */
  readonly logger?: Logger | undefined;
  /** Gives epoch milliseconds, as `Date` does, which is the default. */
  readonly clock?: { now(): number } | undefined;
}

/** Any text; the words of a union before it are completed in editors. */
type Text = string & {};

/** The status that people see. */
export type ShownStatus = "wait" | "run" | "done" | "error";

/** The service's own word for a status, such as these. Words that ttsctl doesn't know are kept and never count as finished. */
export type TaskStatus = "queued" | "running" | "succeeded" | "failed" | ShownStatus | Text;

/** The fields of a record that ttsctl knows. A service's own type of record extends it. */
export interface BaseTask {
  readonly user_id: string;
  readonly task_id: string;
  readonly status?: TaskStatus | null | undefined;
  readonly error?: string | null | undefined;
  /** ISO 8601, or epoch seconds. */
  readonly created_at?: string | number | null | undefined;
  /** ISO 8601, or epoch seconds. The newer of two records of a task counts. */
  readonly updated_at: string | number;
}

/** A record with any other fields. */
export interface TaskRecord extends BaseTask {
  readonly [field: string]: unknown;
}

/** A task as a store has it: a plain object. */
export interface StoredTask<T extends BaseTask = TaskRecord> {
  readonly userId: string;
  readonly taskId: string;
  /** Unknown words of the service are unchanged. */
  readonly status: ShownStatus | Text;
  /** `updated_at` in epoch seconds, with a fraction. */
  readonly updatedAt: number;
  /** The record, with the service's own words. */
  readonly record: T;
  /** The record as JSON text: numbers as they were written, which JavaScript doesn't always keep. */
  readonly json: string;
}

/**
 * The result of a write in Redis. `newer`, `unchanged`: Redis has a copy by another program with a newer or the same
 * `updated_at`, which is kept. `skipped`: the file wasn't changed, so Redis wasn't written to. `off`: Redis isn't configured.
 * `failed`: Redis refused the change, or the outcome is unknown. The file is right, and Redis gets the change when it is back.
 */
export type RedisOutcome =
  | { readonly state: RedisState; readonly error?: undefined }
  | { readonly state: "failed"; readonly error: TtsctlError };

type RedisState = "written" | "removed" | "missing" | "newer" | "unchanged" | "skipped" | "off";

/** The result of a write. */
export interface WriteResult {
  /**
   * The file. `newer`: it has a newer record of the task, which is kept. `missing`: it doesn't have the task. `unchanged`:
   * the function of `update` kept the record. `conflict`: the task has another claim.
   */
  readonly state: WriteState;
  readonly redis: RedisOutcome;
  /**
   * Resolves when no program can undo the change any more, with the state, or `returned`: another program holds the store in
   * memory and keeps undoing it. `unknown`: the file can't be read, as a line of the log says. Never rejects.
   */
  readonly settled: Promise<WriteState | "returned" | "unknown">;
}

export type WriteState = "written" | "removed" | "newer" | "missing" | "unchanged" | "conflict";

/** The result of `update`. */
export interface UpdateResult<T extends BaseTask = TaskRecord> extends WriteResult {
  /** The task as the file has it now; null if it is missing. */
  readonly task: StoredTask<T> | null;
}

export interface UpdateOptions {
  /** Only if the task still has this claim; else the state is `conflict`. A change of the status ends the claim. */
  readonly claimId?: string | undefined;
  /** Renews the claim: it ends this many milliseconds from now. */
  readonly leaseMs?: number | undefined;
}

/** A task that this process has claimed. */
export interface ClaimedTask<T extends BaseTask = TaskRecord> extends StoredTask<T> {
  /** For `update`; the field `claim_id` of the record. */
  readonly claimId: string;
}

export interface ClaimOptions {
  /** After that, another process may claim the task if its status is still that of the patch. Default: never. */
  readonly leaseMs?: number | undefined;
}

/** `auto`: Redis, with the file as a fallback. */
export type Source = "auto" | "redis" | "file";

/** Parts that aren't given don't filter. */
export interface TaskFilter {
  readonly userId?: string | undefined;
  /** `wait`, `run`, `done`, `error`, or words of the service. */
  readonly status?: readonly TaskStatus[] | undefined;
  /** `updated_at` from this time on: a Date, epoch seconds, ISO 8601, or an age such as `2h`. */
  readonly since?: Date | number | string | undefined;
  /** `updated_at` before this time. */
  readonly until?: Date | number | string | undefined;
  /** Default: `auto`. */
  readonly source?: Source | undefined;
}

export interface PageQuery extends TaskFilter {
  /** From 1. */
  readonly page?: number | undefined;
  /** Range and default are those of `ttsctl list --page-size`. */
  readonly pageSize?: number | undefined;
  /** In place of `page`: `nextCursor` of the page before, with the same filter. Tasks that change don't shift the pages. */
  readonly cursor?: string | undefined;
}

export interface TaskPage<T extends BaseTask = TaskRecord> {
  /** How many tasks pass in all; with a cursor, from there on. */
  readonly total: number;
  readonly page: number;
  readonly pageSize: number;
  /** Which store answered. */
  readonly source: "redis" | "file" | "mixed";
  /** Newest first; by ids in the order asked. */
  readonly items: readonly StoredTask<T>[];
  /** Ids asked for that neither store has. */
  readonly missing: readonly string[];
  /** Index members of Redis without a task, left out. */
  readonly dangling: number;
  readonly warnings: readonly string[];
  /** The cursor of the next page; null if this is the last one. */
  readonly nextCursor: string | null;
}

/** An aborted call fails with `INTERRUPTED`. */
export interface SignalOptions {
  readonly signal?: AbortSignal | undefined;
}

/** total = written + unchanged + newerInRedis + failed. */
export interface SyncCounts {
  readonly total: number;
  readonly written: number;
  readonly unchanged: number;
  readonly newerInRedis: number;
  readonly failed: number;
  /** Invalid records of the file. */
  readonly invalid: number;
  /** Redis-only tasks, which are kept. */
  readonly orphans: number;
  readonly durationMs: number;
}

/** The counts, or why Redis couldn't be synchronised. */
export type SyncResult =
  | { readonly counts: SyncCounts; readonly problem: null }
  | { readonly counts: null; readonly problem: TtsctlError };

/** The counts of one pass: candidates = purged + skipped + failed. */
export interface CleanupCounts {
  /** ISO 8601 in UTC. */
  readonly expireBefore: string;
  readonly candidates: number;
  readonly purged: number;
  readonly skipped: number;
  readonly failed: number;
  /** Purged tasks that another program wrote back. */
  readonly returned: number;
  readonly files: number;
  readonly bytes: number;
  readonly durationMs: number;
}

export interface CleanupOptions {
  /** Called after each pass. `problem` kept it from a part of its work, or from all. */
  readonly onPass?: ((counts: CleanupCounts | null, problem: TtsctlError | null) => void) | undefined;
}

export interface CleanupOnceOptions extends SignalOptions {
  /** Counts what a pass would purge, and changes nothing. */
  readonly dryRun?: boolean | undefined;
}

export interface CleanupResult {
  readonly counts: CleanupCounts;
  /** Why the pass did only a part of its work, such as a Redis that is down. */
  readonly problem: TtsctlError | null;
}

/** The connection to Redis was made, or lost. */
export interface MirrorEvent {
  readonly state: "up" | "down";
  /** How many changes of the file Redis lacks, as far as this process knows. */
  readonly owed: number;
  /** Why it is down. */
  readonly error: TtsctlError | null;
}

/** A write of this process that changed the file. */
export interface ChangeEvent {
  readonly userId: string;
  readonly taskId: string;
  readonly state: "written" | "removed";
  readonly redis: RedisOutcome;
}

export interface StoreEvents {
  readonly mirror: MirrorEvent;
  readonly change: ChangeEvent;
}

/** The tasks of a service: the store file, which is the truth, and its mirror in Redis. */
export interface TaskStore<T extends BaseTask = TaskRecord> {
  /**
   * Writes a record to the file, unless the file has a newer one of the task, and then to Redis. Resolves when it is on the
   * disk. Calls at the same time are written together, in their order.
   * @param task an object, or its JSON text, which keeps the text of numbers
   * @throws TtsctlError TASK_INVALID, STORE_CLOSED; STORE_*, LOCK_*: Redis was not written to, and the file has the record
   * only if the error says so
   */
  upsert(task: T | string): Promise<WriteResult>;
  /**
   * Deletes a task, with all its records, from the file and then from Redis: if Redis is down, when it is back. Its audio and
   * logs are kept. Throws as `upsert`.
   */
  delete(userId: string, taskId: string): Promise<WriteResult>;
  /**
   * Changes a task by its record in the file, under the lock. Fields that aren't changed keep their bytes; `updated_at` moves
   * to now unless it is changed.
   * @param change returns the new record, or null to keep the old one. It is synchronous, and runs again if another
   * program wrote the file first. Throws what it throws.
   * @throws TtsctlError as `upsert`
   */
  update(
    userId: string,
    taskId: string,
    change: (record: T) => T | null,
    options?: UpdateOptions,
  ): Promise<UpdateResult<T>>;
  /**
   * Claims the task in a status of `from` that was changed the longest ago, or one whose claim has expired. Two processes
   * never get the same task.
   * @param from `wait`, `run`, `done`, `error`, or words of the service
   * @param patch fields to set; the status must be neither one of `from` nor finished
   * @returns null if the task doesn't exist
   * @throws TtsctlError as `upsert`
   */
  claim(
    from: readonly TaskStatus[],
    patch: Partial<T> & { readonly status: TaskStatus },
    options?: ClaimOptions,
  ): Promise<ClaimedTask<T> | null>;
  /** One task, or null. @throws TtsctlError USAGE; STORE_* if the file is needed; REDIS_* only if the source is `redis` */
  get(userId: string, taskId: string, options?: Pick<TaskFilter, "source">): Promise<StoredTask<T> | null>;
  /** One page, newest first. Throws as `get`. */
  listPage(query?: PageQuery): Promise<TaskPage<T>>;
  /** The tasks of some ids of one user, as one page, in the order asked. Throws as `get`. */
  listByIds(userId: string, taskIds: readonly string[], filter?: Omit<TaskFilter, "userId">): Promise<TaskPage<T>>;
  /** All tasks, newest first, read some at a time. Each comes once, even if tasks change during the run. Throws as `get`. */
  all(filter?: TaskFilter, options?: SignalOptions): AsyncIterableIterator<StoredTask<T>>;
  /** How many tasks pass. Throws as `get`. */
  count(filter?: TaskFilter): Promise<number>;
  /**
   * Pushes the whole file to Redis, as `ttsctl sync` does: nothing newer there is overwritten, and only tasks that `delete`
   * deleted from the file are deleted there.
   * @throws TtsctlError STORE_*, LOCK_TIMEOUT, LAYOUT_MISMATCH, TIMEZONE_MISMATCH, INTERRUPTED; a failure of Redis is returned
   */
  syncToRedis(options?: SignalOptions): Promise<SyncResult>;
  /**
   * Starts to purge expired tasks with their audio and logs, as `ttsctl cleanup --watch` does. If another process already does
   * so, it waits until that process stops.
   * @throws TtsctlError CONFIG_REQUIRED, LOCK_UNAVAILABLE, WATCHER_RUNNING if it was started before
   */
  startCleanup(options?: CleanupOptions): Promise<void>;
  /** Resolves when a running pass has finished its batch. */
  stopCleanup(): Promise<void>;
  /** One pass of the cleanup. @throws TtsctlError CONFIG_REQUIRED, STORE_*, LOCK_*, CLOCK_SKEW, INTERRUPTED */
  cleanupOnce(options?: CleanupOnceOptions): Promise<CleanupResult>;
  /**
   * The path of a file of a task below `output`, where the cleanup looks for it. Nothing is created.
   * @throws TtsctlError CONFIG_REQUIRED without `output` or `config`; ARTIFACTS_UNSAFE if it would be elsewhere
   */
  artifactPath(userId: string, taskId: string, name: string): Promise<string>;
  /** Returns a function that removes the listener. A listener must not throw. */
  on<Name extends keyof StoreEvents>(name: Name, listener: (event: StoreEvents[Name]) => void): () => void;
  /** Ends the cleanup and a sync, writes pending changes, and closes the file and the connection. `await using` calls it. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
