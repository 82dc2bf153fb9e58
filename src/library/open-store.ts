import { randomUUID } from "node:crypto";
import { RunParts } from "../app/parts.ts";
import { keepMirrored } from "../app/syncing.ts";
import { systemClock } from "../clock.ts";
import { isRedisError, isStoreError, TtsctlError, usage, valueIf } from "../errors.ts";
import type { Update } from "../store/file/batch-plan.ts";
import { FileStore } from "../store/file/file-store.ts";
import { OWED, redisDisabled } from "../store/mirror-link.ts";
import { newestTasks } from "../store/task-store.ts";
import { taskWriter, type Written } from "../store/task-writer.ts";
import { writable } from "../store/writable.ts";
import { writerMark } from "../store/writer-mark.ts";
import { counted } from "../task/amounts.ts";
import type { TaskId } from "../task/ids.ts";
import { RecordParser, type Task } from "../task/task.ts";
import {
  aborted,
  checkOptions,
  checkStrings,
  checkType,
  libraryError,
  NEVER,
  signalOf,
  throwIfAborted,
} from "./arguments.ts";
import { checkLease, claimIdOf, claimRule, findClaimable, updated, withClaim } from "./changes.ts";
import { cleanupOnce, startCleanup } from "./cleanup.ts";
import { eventSource } from "./events.ts";
import { cursorAfter, FILTERS, listQueryOf, type NamedTasks, pageAfter, pageOf } from "./queries.ts";
import { settingsOf } from "./settings.ts";
import { artifactPath, idOf, storedTask, taskOf } from "./stored-task.ts";
import type { BaseTask, Logger, PageQuery, StoreOptions, TaskRecord, TaskStore, WriteResult } from "./types.ts";

/**
 * Opens the tasks of a service. It connects to Redis on first use. Close the store when done.
 * @typeParam T the service's record
 * @throws TtsctlError USAGE for an unknown option, CONFIG_* for a wrong value or a missing file
 */
export async function openTaskStore<T extends BaseTask = TaskRecord>(options: StoreOptions): Promise<TaskStore<T>> {
  const settings = await settingsOf(options);
  const logger = quiet(options.logger);
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
  const events = eventSource(logger, clock, () => mirror.pending);
  const { shared, link } = await parts.liveOn({
    events: {
      onUp: ({ where }, again) => {
        events.mirrorUp(where, again);
        void keeper.begin();
      },
      onDown: (error) => events.mirrorDown(error),
    },
    behindFor: () => mirror.problem,
    /** Checks a connection; if the mirror lacks more than is known, a sync is due. */
    async admit(redis) {
      await using snapshot = await shared.read().catch(valueIf(isStoreError, null));
      if (snapshot === null) return; // Redis must answer then, and is checked before a write
      await keeper.check(redis);
      const { syncedAt, members } = (await redis.standings([undefined]))[0]!;
      const isFlushed = wasMarked && syncedAt === null;
      wasMarked = syncedAt !== null;
      await mark.lookForLeft();
      if (isFlushed || snapshot.size - members > writer.pending) mirror.leaveToSync();
    },
    grows: true,
  });
  const stores = await parts.stores();
  const file = writable(new FileStore(settings.store.path.value, rules, clock));
  const owes = settings.redis.enabled.value;
  const keeper = keepMirrored(parts, link, {
    ...{ file: stores.file, warn },
    step: (signal) => parts.forCall("syncToRedis", signal),
    isOurs: (id) => writer.isPending(id),
    async onSync({ failed }) {
      if (failed === 0) await mark.dropLeft();
    },
    onFailure: (error) => warn(`Redis was not repaired: ${error instanceof Error ? error.message : error}`),
  });
  let wasMarked = false;
  const mirror = keeper.writer;
  const mark = writerMark(() => file.target(), clock, mirror.leaveToSync);
  const writer = taskWriter({
    ...{ file, shared, clock, owes, warn, mirror, mark: owes ? mark : null },
    onMirrorFailure: events.mirrorFailed,
  });
  const checking = { clock, parser: new RecordParser(rules) };
  let cleanup: ReturnType<typeof startCleanup> | null = null;
  let closing: Promise<void> | null = null;

  function refuseClosed(): void {
    if (closing === null) return;
    throw new TtsctlError("STORE_CLOSED", `${settings.store.path.value} was closed by this program`);
  }

  /** A method that refuses calls after the close; its errors name the options of the library. */
  function call<A extends unknown[], R>(work: (...args: A) => Promise<R>) {
    return async (...args: A): Promise<R> => {
      refuseClosed();
      try {
        return await work(...args);
      } catch (error) {
        throw libraryError(error);
      }
    };
  }

  /** Also reports a change to listeners. */
  function resultOf<M extends object>({ userId, taskId }: TaskId, written: Written, more: M): WriteResult & M {
    const { file: state, mirror: copy, settled } = written;
    const hasFailed = copy instanceof TtsctlError;
    const redis = hasFailed ? ({ state: "failed", error: libraryError(copy) } as const) : { state: copy };
    if (state === "written" || state === "removed") events.change({ userId, taskId, state, redis });
    // A promise in the JSON of a result would be `{}`, so it isn't enumerable.
    return Object.defineProperty({ state, redis, ...more }, "settled", { value: settled }) as WriteResult & M;
  }

  async function list(query: PageQuery, named: NamedTasks) {
    return pageOf<T>(await stores.list(listQueryOf(query, checking, named)), null);
  }

  const store: TaskStore<T> = {
    upsert: call(async (task) => {
      const parsed = taskOf(task, checking.parser);
      return resultOf(parsed, await writer.upsert(parsed), {});
    }),

    delete: call(async (userId, taskId) => {
      const id = idOf(userId, taskId, rules);
      return resultOf(id, await writer.remove(id), {});
    }),

    update: call(async (userId, taskId, change, options = {}) => {
      const id = idOf(userId, taskId, rules);
      checkType(change, "function", "the change of update()");
      checkOptions(options, "update: the options", ["claimId", "leaseMs"]);
      if (options.claimId !== undefined) checkType(options.claimId, "string", "claimId");
      checkLease(options.leaseMs);
      const next = (task: Task) => {
        const isOther = options.claimId !== undefined && options.claimId !== claimIdOf(task);
        return isOther ? "conflict" : updated(task, change, options, checking);
      };
      const written = await writer.update({ find: () => id, change: next });
      return resultOf(id, written, { task: written.task && storedTask<T>(written.task) });
    }),

    claim: call(async (from, patch, options = {}) => {
      const rule = claimRule(from, patch, options, checking);
      const find: Update["find"] = (snapshot, pending) => findClaimable(snapshot, pending(), rule, clock.now());
      for (let tries = 0; tries < 10; tries++) {
        const claimId = randomUUID();
        const written = await writer.update({ find, change: (task) => withClaim(task, claimId, rule, checking) });
        const { file, task, settled } = written;
        if (file === "missing") return null;
        await settled;
        await using snapshot = await shared.read();
        const [record] = await snapshot.recordsOf([task!]); // a service without locks may have replaced it
        if (file === "written" && record != null && claimIdOf(record) === claimId) {
          resultOf(task!, written, {});
          return { ...storedTask<T>(task!), claimId };
        }
      }
      logger.warn("no task was claimed: another program keeps undoing the claims");
      return null;
    }),

    get: call(async (userId, taskId, options = {}) => {
      const id = idOf(userId, taskId, rules);
      checkOptions(options, "get: the options", ["source"]);
      const { items } = await list(options, { userId: id.userId, taskIds: [id.taskId] });
      return items[0] ?? null;
    }),

    listPage: call(async (query = {}) => {
      const asked = listQueryOf(query, checking);
      const after = query.cursor == null ? null : await pageAfter(stores, asked, query.cursor, rules);
      const result = after ?? (await stores.list(asked));
      const hasMore = after?.hasMore ?? asked.page * asked.pageSize < result.total;
      return pageOf(result, hasMore ? cursorAfter(result, asked, rules) : null);
    }),

    listByIds: call(async (userId, taskIds, filter = {}) => {
      checkType(userId, "string", "userId");
      checkStrings(taskIds, "taskIds", '["t01", "t02"]');
      return list(filter, { userId, taskIds });
    }),

    async *all(filter = {}, options = {}) {
      refuseClosed();
      checkOptions(filter, "the filter", FILTERS);
      const signal = signalOf(options, "all");
      const query = listQueryOf(filter, checking);
      try {
        for await (const { tasks, warnings } of newestTasks(stores, query, Number.POSITIVE_INFINITY)) {
          for (const line of warnings) logger.warn(line);
          for (const task of tasks) {
            throwIfAborted(signal);
            yield storedTask<T>(task);
          }
        }
      } catch (error) {
        throw libraryError(error);
      }
    },

    count: call(async (filter = {}) => {
      checkOptions(filter, "the filter", FILTERS);
      return (await stores.list(listQueryOf({ ...filter, pageSize: 1 }, checking))).total;
    }),

    syncToRedis: call(async (options = {}) => {
      const signal = signalOf(options, "syncToRedis");
      const state = await link.open();
      if (state.kind !== "on") {
        return { counts: null, problem: libraryError(state.kind === "down" ? state.error : redisDisabled()) };
      }
      try {
        const { failedToPrune: _, pruned: __, dryRun: ___, ...counts } = await keeper.sync(signal);
        return { counts, problem: null };
      } catch (error) {
        if (!isRedisError(error)) throw error;
        warn(`sync failed: ${error.message}`);
        return { counts: null, problem: libraryError(error) };
      }
    }),

    startCleanup: call(async (options = {}) => {
      checkOptions(options, "startCleanup: the options", ["onPass"]);
      if (options.onPass !== undefined) checkType(options.onPass, "function", "onPass");
      if (cleanup !== null) throw new TtsctlError("WATCHER_RUNNING", "the cleanup of this store is running already");
      cleanup = startCleanup(parts, logger, options);
      await cleanup.catch((error) => {
        cleanup = null;
        throw error;
      });
    }),

    async stopCleanup() {
      const started = cleanup;
      const stop = await started?.catch(() => null);
      await stop?.();
      if (cleanup === started) cleanup = null;
    },

    cleanupOnce: call(async (options = {}) => {
      const signal = signalOf(options, "cleanupOnce", ["dryRun"]);
      const { dryRun = false } = options;
      checkType(dryRun, "boolean", "dryRun");
      const { counts, problem, unreached } = await cleanupOnce(await parts.forCall("cleanupOnce", signal), dryRun);
      const stopped = unreached > 0 ? aborted(signal, `: ${counted(unreached, "expired task")} left`) : null;
      return { counts, problem: libraryError(problem ?? stopped) };
    }),

    artifactPath: call(async (userId, taskId, name) => {
      checkType(name, "string", "name");
      if (settings.configPath === null && settings.paths.output.source === "default") {
        const hint = "pass output or config to openTaskStore";
        throw new TtsctlError("CONFIG_REQUIRED", "artifactPath: output isn't given", { hint });
      }
      return artifactPath(settings.paths.output.value, idOf(userId, taskId, rules), name, rules);
    }),

    on(name, listener) {
      refuseClosed();
      if (name !== "mirror" && name !== "change") {
        throw usage(`unknown event ${JSON.stringify(name)}`, "accepted: mirror, change");
      }
      checkType(listener, "function", "the listener");
      return events.on(name, listener);
    },

    close() {
      closing ??= (async () => {
        await store.stopCleanup();
        await keeper.close();
        await writer.close();
        const problem = mirror.problem ?? (owes && (await stores.file.owed.isThere()) ? OWED : null);
        if (problem !== null) logger.warn(`${problem}; the next program that opens the store repairs Redis`);
        await mark.close(mirror.problem === null);
        await parts.release();
      })();
      return closing;
    },

    [Symbol.asyncDispose]: () => store.close(),
  };
  return store;
}

/** Silent without a logger. One that throws must not fail a write that is on the disk. */
function quiet(logger: Logger | undefined): Logger {
  const quietly = (level: keyof Logger) => (line: string) => {
    try {
      logger?.[level](line);
    } catch {} // there is nowhere else to log
  };
  return { info: quietly("info"), warn: quietly("warn") };
}
