import type { RunParts } from "../app/parts.ts";
import { pushFile, retrying } from "../app/syncing.ts";
import { isRedisError, isStoreError, TtsctlError, valueIf } from "../errors.ts";
import { checkLayout, checkTimezone, storeMismatch } from "../operations/safety.ts";
import { type MirrorState, redisDisabled } from "../store/mirror-link.ts";
import type { Mirror } from "../store/redis/mirror.ts";
import type { TaskWriter } from "../store/task-writer.ts";
import { type Writable, writable } from "../store/writable.ts";
import type { WriterMark } from "../store/writer-mark.ts";
import type { TaskId } from "../task/ids.ts";
import type { Logger, SyncResult } from "./types.ts";

type Live = Awaited<ReturnType<RunParts["liveOn"]>>;

/** Writes to Redis what it missed: the changes that this process remembers or, if it may have missed more, the whole file. */
export function mirrorRepair(parts: RunParts, live: Live, writer: TaskWriter, mark: WriterMark, logger: Logger) {
  const { shared, link } = live;
  const { mirror: mirrorWriter } = writer;
  const stop = new AbortController();
  const retry = retrying(parts.clock, repair, 60_000, stop.signal);
  /** Syncs that the program asked for. */
  const asked = new Set<Promise<unknown>>();
  /** Only once: later the file may have lost all that Redis has. */
  let isChecked = false;
  let wasMarked = false;

  /** Checks that a mirror belongs to this store, and is read as the service writes it. @throws STORE_*, *_MISMATCH, REDIS_* */
  async function check(mirror: Mirror): Promise<void> {
    if (isChecked) return;
    await using snapshot = await shared.read();
    const isOurs = (id: TaskId) => writer.isPending(id) || mirrorWriter.isPending(id);
    await checkLayout(mirror);
    await checkTimezone(mirror);
    const refusal = await storeMismatch(snapshot, mirror, isOurs);
    if (refusal !== null) throw refusal;
    isChecked = true;
  }

  /** `ttsctl sync`; a failure of Redis is a value. */
  async function push(signal: AbortSignal): Promise<SyncResult> {
    const state = await link.open();
    if (state.kind !== "on") return { counts: null, problem: state.kind === "down" ? state.error : redisDisabled() };
    try {
      const step = await parts.forCall("syncToRedis", signal);
      const outcome = await mirrorWriter.aroundSync(() => pushFile(step));
      const { failedToPrune: _, pruned: __, dryRun: ___, ...counts } = outcome;
      if (counts.failed === 0) await mark.dropLeft();
      return { counts, problem: null };
    } catch (error) {
      if (!isRedisError(error)) throw error;
      logger.warn(`sync failed: ${error.message}`);
      return { counts: null, problem: error };
    }
  }

  /** Returns whether nothing is left to do, or a new connection has to be waited for. */
  async function repair(): Promise<boolean> {
    const { signal } = stop;
    try {
      await mirrorWriter.catchUp();
      if (mirrorWriter.needsSync) await push(signal);
    } catch (error) {
      const reason = error instanceof TtsctlError ? error.message : String(error);
      if (!signal.aborted) logger.warn(`Redis was not repaired: ${reason}`);
    }
    return signal.aborted || !mirrorWriter.needsSync || (await link.open()).kind !== "on";
  }

  return {
    /** Checks a connection; if the mirror lacks more than is known, a sync is due. @throws *_MISMATCH, REDIS_* */
    async admit(mirror: Mirror): Promise<void> {
      await using snapshot = await shared.read().catch(valueIf(isStoreError, null));
      if (snapshot === null) return; // Redis must answer then, and is checked before a write
      await check(mirror);
      const { syncedAt, members } = (await mirror.standings([undefined]))[0]!;
      const isFlushed = wasMarked && syncedAt === null;
      wasMarked = syncedAt !== null;
      await mark.lookForLeft();
      if (isFlushed || snapshot.size - members > mirrorWriter.pending + writer.pending) mirrorWriter.leaveToSync();
    },

    /** The mirror for writes. */
    async open(): Promise<MirrorState<Writable<Mirror>>> {
      const state = await link.open();
      if (state.kind !== "on") return state;
      try {
        await check(state.mirror);
        return { kind: "on", mirror: writable(state.mirror) };
      } catch (error) {
        if (!(error instanceof TtsctlError)) throw error;
        return { kind: "down", error };
      }
    },

    /** To be called when there is a connection. */
    begin: retry.begin,

    /** `syncToRedis()`. @throws TtsctlError INTERRUPTED if the signal is aborted or the store is closed */
    sync(signal: AbortSignal): Promise<SyncResult> {
      const sync = push(AbortSignal.any([signal, stop.signal]));
      asked.add(sync);
      return sync.finally(() => asked.delete(sync));
    },

    async close(): Promise<void> {
      stop.abort();
      await retry.running();
      await Promise.allSettled(asked);
    },
  };
}
