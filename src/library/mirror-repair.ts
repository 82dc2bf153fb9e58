import { setTimeout as sleep } from "node:timers/promises";
import { isStoreError, TtsctlError } from "../errors.ts";
import { checkBeforeUse } from "../operations/safety.ts";
import type { SharedSnapshot } from "../store/file/shared-snapshot.ts";
import type { OwedCopies } from "../store/owed-copies.ts";
import type { Mirror } from "../store/redis/mirror.ts";
import type { TaskWriter } from "../store/task-writer.ts";
import { dropMarks, type LeftUndone, type WriterMark } from "../store/writer-mark.ts";
import type { StoreParts } from "./parts.ts";
import { syncToRedis } from "./sync-to-redis.ts";
import type { SyncResult } from "./types.ts";

/** Between two attempts at a sync that failed; twice as long each time. */
const RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60_000;

interface RepairParts {
  readonly shared: SharedSnapshot;
  readonly owed: OwedCopies;
  readonly writer: TaskWriter;
  readonly mark: WriterMark;
}

/** Brings Redis what it missed, without being asked: what this process remembers, or where that isn't all, the whole file. */
export class MirrorRepair {
  readonly #parts: StoreParts;
  readonly #shared: SharedSnapshot;
  readonly #owed: OwedCopies;
  readonly #writer: TaskWriter;
  readonly #mark: WriterMark;
  /** What processes that ended left undone; null before it was looked for. */
  #undone: LeftUndone | null = null;
  readonly #stop = new AbortController();
  /** Only once: later the file may have lost all that Redis has. */
  #isChecked = false;
  #wasMarked = false;
  #running: Promise<void> | null = null;

  constructor(parts: StoreParts, { shared, owed, writer, mark }: RepairParts) {
    this.#parts = parts;
    this.#shared = shared;
    this.#owed = owed;
    this.#writer = writer;
    this.#mark = mark;
  }

  /**
   * Looks at a mirror before it is used: whether it is this store's, and whether it lost more than is known to be missing there.
   * Then it is left to a sync. A file that can't be read is compared with nothing: it isn't written to either.
   * @throws TtsctlError STORE_MISMATCH, REDIS_*
   */
  async admit(mirror: Mirror): Promise<void> {
    const snapshot = await this.#shared.read().catch(noneOfStore);
    if (snapshot === null) return;
    try {
      if (!this.#isChecked)
        await checkBeforeUse(snapshot, mirror, (id) => this.#writer.isPending(id) || this.#owed.has(id));
      this.#isChecked = true;
      await mirror.detect(); // the file's lists have the order of those in Redis
      const { syncedAt, members } = await mirror.standing(undefined);
      const isFlushed = this.#wasMarked && syncedAt === null;
      this.#wasMarked = syncedAt !== null;
      await this.#lookForUndone();
      const missing = snapshot.size - members;
      if (isFlushed || missing > this.#owed.size + this.#writer.pending) this.#owed.leaveToSync();
    } finally {
      await snapshot.close();
    }
  }

  /** To be called when there is a connection; at most one repair is at work. */
  begin(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
    });
  }

  /** `syncToRedis()`, which settles what only a sync can. */
  async sync(signal = this.#stop.signal): Promise<SyncResult> {
    const needed = this.#owed.syncNeeded;
    const result = await this.#writer.aroundSync(() => syncToRedis(this.#parts, signal));
    if (result.counts?.failed === 0) {
      this.#owed.wasSynced(needed, result.counts.orphans);
      if (!this.#owed.lacksRemovals) await dropMarks(this.#undone?.paths ?? []);
    }
    return result;
  }

  async #lookForUndone(): Promise<void> {
    if (this.#undone !== null) return;
    this.#undone = await this.#mark.leftByOthers();
    if (this.#undone.paths.length > 0) this.#owed.leaveToSync(this.#undone.removals);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    for (let pause = RETRY_MS; !signal.aborted; pause = Math.min(2 * pause, LONGEST_RETRY_MS)) {
      try {
        await this.#writer.catchUp();
        if (this.#owed.syncNeeded > 0) await this.sync();
      } catch (error) {
        if (signal.aborted) return;
        const reason = error instanceof TtsctlError ? error.message : String(error);
        this.#parts.logger.warn(`Redis was not repaired: ${reason}`);
      }
      if (this.#owed.syncNeeded === 0 || (await this.#parts.link.open()).kind !== "on") return;
      await sleep(pause, undefined, { signal, ref: false }).catch(() => {});
    }
  }
}

function noneOfStore(error: unknown): null {
  if (isStoreError(error)) return null;
  throw error;
}
