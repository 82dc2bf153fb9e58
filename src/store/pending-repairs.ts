import type { TtsctlError } from "../errors.ts";
import { counted } from "../task/amounts.ts";
import { keyOf } from "../task/ids.ts";
import type { Change } from "./file/batch-plan.ts";
import type { MirrorState } from "./mirror-link.ts";
import type { RemoveOutcome, WriteOutcome } from "./redis/write.ts";
import type { TaskId } from "./task-source.ts";

/** More changes are left to a sync. */
const MOST_CHANGES = 10_000;

/** A change that the file has, on its way to the mirror. */
export interface MirrorChange extends Change {
  /**
   * `updated_at` of the file's previous record, epoch seconds; NaN without one. A copy that isn't newer is
   * replaced, or removed.
   */
  readonly before: number;
}

/**
 * The outcome of a change in the mirror; the file has it in every case. `unchanged`: a copy of the same time was kept that
 * is not of a record which the file had. `off`: Redis is disabled.
 */
export type MirrorOutcome = Exclude<WriteOutcome, "reindexed"> | RemoveOutcome | "off" | TtsctlError;

/**
 * The records that the file has and the mirror may lack, while a process lives. Until they are written, the mirror must
 * not be read. What a sync of the whole file can't bring over is in the owed list instead.
 */
export class PendingRepairs {
  readonly #changes = new Map<string, Pick<MirrorChange, "id" | "before">>();
  /** How many syncs are running: they may write what they read before a deletion. */
  syncs = 0;
  /** How often the changes were left to a sync, and how many of those syncs have succeeded. */
  #left = 0;
  #synced = 0;

  /** How many tasks wait to be pushed. */
  get size(): number {
    return this.#changes.size;
  }

  has(id: TaskId): boolean {
    return this.#changes.has(keyOf(id));
  }

  values() {
    return this.#changes.values();
  }

  get(id: TaskId) {
    return this.#changes.get(keyOf(id));
  }

  /** How often a sync of the whole file was asked for; 0 if none is needed. */
  get syncNeeded(): number {
    return this.#left > this.#synced ? this.#left : 0;
  }

  /** Leaves what the mirror lacks to a sync of the whole file. */
  leaveToSync(): void {
    this.#left++;
  }

  /** @param needed what `syncNeeded` was before the sync */
  wasSynced(needed: number): void {
    this.#synced = Math.max(this.#synced, needed);
  }

  /** Why the mirror may not be read now, one line; null if it may. */
  get problem(): string | null {
    if (this.syncNeeded > 0) return "until the next sync, Redis may lack changes of the file";
    if (this.size === 0) return null;
    return `${counted(this.size, "change")} of the file ${this.size === 1 ? "is" : "are"} not in Redis yet`;
  }

  forReaders(state: MirrorState): MirrorState {
    const { problem } = this;
    return state.kind === "on" && problem !== null ? { ...state, behind: problem } : state;
  }

  /** @param change has what `get` has of an earlier one */
  note({ id, before }: MirrorChange, isDone: boolean): void {
    const key = keyOf(id);
    this.#changes.delete(key);
    if (isDone) return;
    this.#changes.set(key, { id, before });
    if (this.#changes.size <= MOST_CHANGES) return;
    this.#changes.clear();
    this.leaveToSync();
  }
}
