import { TtsctlError } from "../errors.ts";
import { pushFile } from "../parts/sync-store.ts";
import { batches } from "../store/batches.ts";
import type { LinkEvents, MirrorState } from "../store/mirror-link.ts";
import { BATCH } from "../store/redis/copies.ts";
import { type Removal, removeFromMirror } from "../store/redis/remove.ts";
import { counted } from "../task/amounts.ts";
import { keyOf } from "../task/ids.ts";
import { describeSync } from "./commands/sync.ts";
import type { Context } from "./context.ts";

/**
 * A sync that failed is tried again, whatever kept it: another command that had the lock, a file that was half written. The
 * first time after this pause, then after one that is twice as long each time.
 */
const RETRY_MS = 1000;
const LONGEST_RETRY_MS = 300_000;
/** How many deletions that Redis missed are remembered. */
const MOST_LEFT = 100_000;

const UNSYNCED = "Redis isn't synchronised yet";
const LEFT = "Redis still has tasks that were deleted here";

/**
 * Pushes the store file to Redis on start, and again when a Redis that was down is back: what it missed is in the file. Until
 * that is done, Redis isn't read.
 */
export class Syncing {
  readonly #context: Context;
  readonly #isWanted: boolean;
  #running: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #retryMs = RETRY_MS;
  /** Why Redis may not be read; null if it may. */
  #behind: string | null;
  /** The mark of the last sync when Redis came back, for a server that doesn't sync. */
  #markThen: Promise<string | null> | undefined;
  /** How many tasks only Redis had after the last sync; null before it. */
  #orphans: number | null = null;
  /** Deleted tasks whose copies Redis kept, by key. */
  readonly #left = new Map<string, Removal>();

  constructor(context: Context, isWanted: boolean) {
    this.#context = context;
    this.#isWanted = isWanted;
    this.#behind = isWanted ? UNSYNCED : null;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** What to do with news of the connection. */
  readonly linkEvents: LinkEvents = {
    onUp: (mirror, again) => {
      this.#say("info", again ? `Redis at ${mirror.where} is back` : `Redis at ${mirror.where} answered the ping`);
      if (!again) return;
      this.#behind = this.#isWanted ? UNSYNCED : "Redis was away and may lack changes of the file; run `ttsctl sync`";
      this.#markThen = mirror.syncedAt(undefined).catch(() => null);
      this.#retryMs = RETRY_MS;
      this.#begin();
    },
    onDown: ({ message, code }) => this.#say("warn", `${message}: the store file answers`, code),
  };

  /** The state of the mirror with the reason why it may not be read. */
  readonly forReaders = async (state: MirrorState): Promise<MirrorState> => {
    if (state.kind !== "on") return state;
    if (!this.#isWanted && this.#behind !== null) {
      const mark = await state.mirror.syncedAt(undefined).catch(() => null);
      if (mark !== null && mark !== (await this.#markThen)) this.#behind = null;
    }
    const behind = this.#behind ?? (this.#left.size > 0 ? LEFT : null);
    if (behind === null) return state;
    await state.mirror.detect().catch(() => {}); // the file's lists have the order of those in Redis
    return { ...state, behind };
  };

  /** A task was deleted from the file, but not from Redis: that is made up for. */
  left(removal: Removal): void {
    if (this.#left.size < MOST_LEFT) this.#left.set(keyOf(removal.id), removal);
    this.#retryLater();
  }

  /** The sync on start, if Redis is there; never fails. */
  async first(): Promise<void> {
    const state = await this.#context.mirrorState();
    if (state.kind === "on") this.#begin();
    await this.#running;
  }

  /** Waits for a sync under way. */
  async ended(): Promise<void> {
    await this.#running;
  }

  #begin(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    if ((!this.#isWanted && this.#left.size === 0) || this.#context.signal.aborted) return;
    this.#running ??= this.#sync().finally(() => {
      this.#running = undefined;
      if (this.#behind !== null || this.#left.size > 0) this.#retryLater();
    });
  }

  #retryLater(): void {
    if (this.#retry !== undefined || this.isRunning) return;
    this.#retry = setTimeout(() => this.#begin(), this.#retryMs).unref();
    this.#retryMs = Math.min(2 * this.#retryMs, LONGEST_RETRY_MS);
  }

  async #sync(): Promise<void> {
    const fork = this.#context.fork(await this.#context.settings());
    try {
      await this.#removeLeft(fork);
      if (!this.#isWanted) return;
      const outcome = await pushFile(fork);
      this.#say("info", describeSync(outcome, undefined).trimEnd().replaceAll("\n", "; "));
      this.#settle(outcome);
    } catch (error) {
      const known = error instanceof TtsctlError;
      this.#say("error", `sync failed: ${known ? error.message : String(error)}`, known ? error.code : "INTERNAL");
    } finally {
      await fork.release().catch(() => {});
    }
  }

  /** More tasks that only Redis has than before were deleted from the file while Redis was away: to show them would be wrong. */
  #settle({ total, failed, orphans }: { total: number; failed: number; orphans: number }): void {
    const more = orphans - (this.#orphans ?? orphans);
    if (failed > 0) this.#behind = `Redis did not take ${counted(failed, "task")} of the file`;
    else if (more > 0 && total > 0) {
      this.#behind = `Redis has ${counted(more, "task")} that the file lost while it was away; run \`ttsctl sync --prune\``;
    } else {
      this.#behind = null;
      this.#orphans = orphans;
      this.#retryMs = RETRY_MS;
    }
  }

  /** Tasks that are in the file again are left to the sync. */
  async #removeLeft(fork: Context): Promise<void> {
    if (this.#left.size === 0) return;
    const mirror = await fork.mirror();
    const snapshot = await (await fork.fileStore()).read();
    try {
      for (const some of batches([...this.#left.values()], BATCH)) {
        const outcomes = await removeFromMirror(
          mirror,
          some.filter(({ id }) => !snapshot.holds(id)),
        );
        const failed = outcomes.find((outcome) => outcome instanceof TtsctlError);
        if (failed !== undefined) throw failed;
        for (const { id } of some) this.#left.delete(keyOf(id));
      }
    } finally {
      await snapshot.close();
    }
  }

  #say(level: "info" | "warn" | "error", msg: string, code?: string): void {
    void this.#context.note(level, msg, code === undefined ? {} : { code });
  }
}
