import { untilEither } from "../abort.ts";
import { isRedisError, isStoreError, TtsctlError } from "../errors.ts";
import { checkSameStore } from "../operations/safety.ts";
import type { RunParts } from "../parts/parts.ts";
import { pushFile, Retry } from "../parts/sync-store.ts";
import type { SharedSnapshot } from "../store/file/shared-snapshot.ts";
import { type MirrorLink, redisDisabled } from "../store/mirror-link.ts";
import type { OwedCopies } from "../store/owed-copies.ts";
import type { Mirror } from "../store/redis/mirror.ts";
import type { TaskId } from "../store/task-source.ts";
import type { TaskWriter } from "../store/task-writer.ts";
import { dropMarks, type LeftUndone, type WriterMark } from "../store/writer-mark.ts";
import type { Logger, SyncResult } from "./types.ts";

const LONGEST_RETRY_MS = 60_000;

interface RepairParts {
  readonly parts: RunParts;
  readonly logger: Logger;
  readonly shared: SharedSnapshot;
  readonly link: MirrorLink;
  readonly owed: OwedCopies;
  readonly writer: TaskWriter;
  readonly mark: WriterMark;
}

/** Writes to Redis what it missed: the changes that this process remembers or, if it may have missed more, the whole file. */
export class MirrorRepair {
  readonly #parts: RepairParts;
  /** What processes that ended left undone; null before the first look. */
  #undone: LeftUndone | null = null;
  readonly #stop = new AbortController();
  /** Only once: later the file may have lost all that Redis has. */
  #isChecked = false;
  #wasMarked = false;
  readonly #retry = new Retry(() => this.#repair(), LONGEST_RETRY_MS, this.#stop.signal);
  /** Syncs that the program asked for. */
  readonly #asked = new Set<Promise<unknown>>();

  constructor(parts: RepairParts) {
    this.#parts = parts;
  }

  /**
   * Checks a mirror before its use: whether it belongs to this store, and whether it lacks more than is known, which needs a
   * sync. Without a readable file nothing is checked, because then nothing is written either.
   * @throws TtsctlError STORE_MISMATCH, REDIS_*
   */
  async admit(mirror: Mirror): Promise<void> {
    const { shared, owed, writer } = this.#parts;
    const snapshot = await shared.read().catch(noneOfStore);
    if (snapshot === null) return;
    try {
      const isOurs = (id: TaskId) => writer.isPending(id) || owed.has(id);
      if (!this.#isChecked) await checkSameStore(snapshot, mirror, Number.NEGATIVE_INFINITY, isOurs);
      this.#isChecked = true;
      await mirror.detect(); // the file's lists have the order of those in Redis
      const { syncedAt, members } = await mirror.standing(undefined);
      const isFlushed = this.#wasMarked && syncedAt === null;
      this.#wasMarked = syncedAt !== null;
      await this.#lookForUndone();
      const missing = snapshot.size - members;
      if (isFlushed || missing > owed.size + writer.pending) owed.leaveToSync();
    } finally {
      await snapshot.close();
    }
  }

  /** To be called when there is a connection. */
  begin(): void {
    this.#retry.begin();
  }

  /** `syncToRedis()`. @throws TtsctlError INTERRUPTED if the signal is aborted or the store is closed */
  async sync(signal: AbortSignal): Promise<SyncResult> {
    const asked = untilEither(signal, this.#stop.signal, (either) => this.#sync(either));
    this.#asked.add(asked);
    return asked.finally(() => this.#asked.delete(asked));
  }

  /** `ttsctl sync`; a failure of Redis is a value. */
  async #sync(signal: AbortSignal): Promise<SyncResult> {
    const { parts, link, logger, owed, writer } = this.#parts;
    const state = await link.open();
    if (state.kind !== "on") return { counts: null, problem: state.kind === "down" ? state.error : redisDisabled() };
    try {
      const outcome = await pushFile(await parts.forCall("syncToRedis", signal), writer, owed);
      const { failedToPrune: _, pruned: __, dryRun: ___, ...counts } = outcome;
      if (counts.failed === 0 && !owed.lacksRemovals) await dropMarks(this.#undone?.paths ?? []);
      return { counts, problem: null };
    } catch (error) {
      if (!isRedisError(error)) throw error;
      logger.warn(`not synchronised: ${error.message}`);
      return { counts: null, problem: error };
    }
  }

  async #lookForUndone(): Promise<void> {
    if (this.#undone !== null) return;
    const { mark, owed } = this.#parts;
    this.#undone = await mark.leftByOthers();
    if (this.#undone.paths.length > 0) owed.leaveToSync(this.#undone.removals);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#retry.running;
    await Promise.allSettled(this.#asked);
  }

  /** Returns whether nothing is left to do, or a new connection has to be waited for. */
  async #repair(): Promise<boolean> {
    const { signal } = this.#stop;
    const { owed, writer, link, logger } = this.#parts;
    try {
      await writer.catchUp();
      if (owed.syncNeeded > 0) await this.#sync(signal);
    } catch (error) {
      const reason = error instanceof TtsctlError ? error.message : String(error);
      if (!signal.aborted) logger.warn(`Redis was not repaired: ${reason}`);
    }
    return signal.aborted || owed.syncNeeded === 0 || (await link.open()).kind !== "on";
  }
}

function noneOfStore(error: unknown): null {
  if (isStoreError(error)) return null;
  throw error;
}
