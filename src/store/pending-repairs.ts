import type { TtsctlError } from "../errors.ts";
import { counted } from "../task/amounts.ts";
import { keyOf } from "../task/ids.ts";
import { newer, newest } from "../task/version.ts";
import type { Change } from "./file/batch-plan.ts";
import type { MirrorState } from "./mirror-link.ts";
import type { RemoveOutcome, WriteOutcome } from "./redis/write.ts";
import type { TaskId } from "./task-source.ts";

/** More changes are left to a sync. */
const MOST_CHANGES = 10_000;
const MOST_REMOVALS = 100_000;

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

/** A task whose copy should be as the file is now. */
export interface PendingRepair extends Pick<MirrorChange, "id" | "before"> {
  /** `updated_at` of the copy that may have been written, epoch seconds; NaN for none. */
  readonly tried: number;
}

/**
 * The changes that the file has and the mirror may lack, while a process lives. Until they are written, the mirror must
 * not be read. Two kinds: a sync of the whole file brings new records over, but it removes nothing and never goes back
 * in time, and it may write what it read before a removal. So removals are remembered apart, and longer.
 */
export class PendingRepairs {
  readonly #changes = new Map<string, PendingRepair>();
  readonly #removals = new Map<string, PendingRepair>();
  readonly #warn: (line: string) => void;
  syncs = 0;
  /** How often the changes were left to a sync, and how many of those syncs have succeeded. */
  #left = 0;
  #synced = 0;
  /** Whether the mirror may have tasks that were removed from the file, and it isn't known which. */
  lacksRemovals = false;

  /** @param warn receives a line if there are more than can be remembered */
  constructor(warn: (line: string) => void) {
    this.#warn = warn;
  }

  /** How many tasks wait to be pushed. */
  get size(): number {
    return this.#changes.size + this.#removals.size;
  }

  has(id: TaskId): boolean {
    return this.of([keyOf(id)]).length > 0;
  }

  get keys(): string[] {
    return [...this.#removals.keys(), ...this.#changes.keys()];
  }

  /** The changes of these keys that Redis still lacks. */
  of(keys: readonly string[]): PendingRepair[] {
    return keys.flatMap((key) => this.#removals.get(key) ?? this.#changes.get(key) ?? []);
  }

  /** How often a sync of the whole file was asked for; 0 if none is needed. */
  get syncNeeded(): number {
    return this.#left > this.#synced ? this.#left : 0;
  }

  /** Leaves what the mirror lacks to a sync of the whole file. @param removals whether it may also have removed tasks */
  leaveToSync(removals = false): void {
    this.#left++;
    if (removals) this.lacksRemovals = true;
  }

  /** @param needed what `syncNeeded` was before the sync. @param orphans how many Redis-only tasks it found */
  wasSynced(needed: number, orphans: number): void {
    this.#synced = Math.max(this.#synced, needed);
    if (orphans === 0 && this.syncNeeded === 0) this.lacksRemovals = false;
  }

  /** Why the mirror may not be read now, one line; null if it may. */
  get problem(): string | null {
    if (this.lacksRemovals)
      return "Redis may still have tasks that were deleted from the file (run `ttsctl sync --prune`)";
    if (this.syncNeeded > 0) return "until the next sync, Redis may lack changes of the file";
    if (this.size === 0) return null;
    return `${counted(this.size, "change")} of the file ${this.size === 1 ? "is" : "are"} not in Redis yet`;
  }

  forReaders(state: MirrorState): MirrorState {
    const { problem } = this;
    return state.kind === "on" && problem !== null ? { ...state, behind: problem } : state;
  }

  /** A change that includes the pending one of its task. */
  with(change: MirrorChange): MirrorChange {
    const [repairs] = this.of([keyOf(change.id)]);
    return { ...change, before: newest(change.before, repairs?.before) };
  }

  note({ id, task, before }: MirrorChange, outcome: MirrorOutcome): void {
    const key = keyOf(id);
    const [earlier] = this.of([key]);
    this.#changes.delete(key);
    this.#removals.delete(key);
    if (outcome === "off") return;
    const isDone = typeof outcome === "string";
    const score = task?.score ?? Number.NaN;
    const repairs = { id, before, tried: isDone ? Number.NaN : newest(score, earlier?.tried) };
    // A task that the file never had has no time that could guard a removal later.
    const goesBack = !Number.isNaN(before) && (task === null || !newer(score, before));
    if (goesBack && (!isDone || this.syncs > 0)) this.#removals.set(key, repairs);
    else if (!goesBack && !isDone && task !== null) this.#changes.set(key, repairs);
    if (this.#changes.size > MOST_CHANGES) {
      this.#changes.clear();
      this.leaveToSync();
    }
    if (this.#removals.size > MOST_REMOVALS) {
      this.#removals.clear();
      this.leaveToSync(true);
      this.#warn(
        `more than ${MOST_REMOVALS} deletions were waiting for Redis and were dropped: run \`ttsctl sync --prune\``,
      );
    }
  }
}
