import { throwIfInterrupted } from "../../errors.ts";
import { sameJson } from "../../json/value.ts";
import { batches } from "../../pool.ts";
import { Changes, putsFrom } from "../../store/file/changes.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import type { TaskId } from "../../store/task-source.ts";
import { newer, sameInstant } from "../../task/version.ts";

export type MergePolicy = "newer" | "keep" | "replace";

/**
 * The action of a merge for a record, or why it keeps the file's: the file has the same, a newer one, one of the same time with other
 * content, or one that the policy keeps; the service wrote or deleted it during the run; the file can't hold it.
 */
const FATES = ["added", "replaced", "identical", "older", "conflict", "present", "changed", "refused"] as const;
export type Fate = (typeof FATES)[number];

export type MergeCounts = Record<Fate, number>;

/**
 * @param ours `updated_at` of the record, epoch seconds
 * @param theirs that of the file's record; NaN for none
 * @param same whether both have the same content; it matters only if the times are equal
 */
export function decideMerge(policy: MergePolicy, ours: number, theirs: number, same: boolean): Fate {
  if (Number.isNaN(theirs)) return "added";
  if (same && sameInstant(ours, theirs)) return "identical";
  if (policy === "keep") return "present";
  if (policy === "replace" || newer(ours, theirs)) return "replaced";
  return newer(theirs, ours) ? "older" : "conflict";
}

const COMPARED = 250;

/** What becomes of the chosen records of one file in the store file, as decided on one content. */
export class MergePlan {
  readonly #source: Snapshot;
  readonly #rows: readonly number[];
  /** By row of the source. */
  readonly #fates: Fate[] = [];
  /** By row of the source: the time of the file's record, epoch seconds; NaN for none. */
  readonly #before: number[] = [];

  private constructor(source: Snapshot, rows: readonly number[]) {
    this.#source = source;
    this.#rows = rows;
  }

  /**
   * @param rows the chosen rows of the source, ascending
   * @throws TtsctlError INTERRUPTED by the signal
   */
  static async make(
    source: Snapshot,
    rows: readonly number[],
    policy: MergePolicy,
    base: Snapshot,
    signal: AbortSignal,
  ): Promise<MergePlan> {
    const plan = new MergePlan(source, rows);
    for (const batch of batches(rows, COMPARED)) {
      await plan.#decide(batch, policy, base);
      throwIfInterrupted(signal, "nothing was written");
    }
    return plan;
  }

  /** Puts the records that go into the file. @param base as for `make` */
  changes(base: Snapshot): Changes {
    return new Changes(base, { removed: new Set(), puts: putsFrom(this.#source, [...this.goingIn()]) });
  }

  /** The service changed or deleted these tasks before they were written. */
  leave(ids: readonly TaskId[]): void {
    for (const { userId, taskId } of ids) this.#fates[this.#source.rowOf(userId, taskId)] = "changed";
  }

  fate(row: number): Fate {
    return this.#fates[row]!;
  }

  *of(...fates: readonly Fate[]): Generator<number> {
    for (const row of this.#rows) if (fates.includes(this.fate(row))) yield row;
  }

  goingIn(): Generator<number> {
    return this.of("added", "replaced");
  }

  counts(): MergeCounts {
    const counts = Object.fromEntries(FATES.map((fate) => [fate, 0])) as MergeCounts;
    for (const row of this.#rows) counts[this.fate(row)]++;
    return counts;
  }

  /** The time of the file's record that a row replaced, epoch seconds; NaN if it replaced none. */
  replacedTime(row: number): number {
    return this.fate(row) === "replaced" ? this.#before[row]! : Number.NaN;
  }

  id(row: number): TaskId {
    return this.#source.idOf(row);
  }

  async #decide(batch: readonly number[], policy: MergePolicy, base: Snapshot): Promise<void> {
    const { rows } = this.#source;
    const pairs = batch.map((row) => {
      const { userId, taskId } = this.id(row);
      const theirs = base.rowOf(userId, taskId);
      return { row, theirs, before: theirs < 0 ? Number.NaN : base.rows.score(theirs) };
    });
    const alike = pairs.filter(({ row, before }) => sameInstant(rows.score(row), before));
    const [ours, inFile] = [alike.map(({ row }) => row), alike.map(({ theirs }) => theirs)];
    const [a, b] = [await this.#source.readTasks(ours), await base.readTasks(inFile)];
    const same = new Set(ours.filter((_, i) => sameJson(a[i]!.json, b[i]!.json)));
    for (const { row, theirs, before } of pairs) {
      const isRefused = this.#isRefused(row, theirs, base);
      this.#fates[row] = isRefused ? "refused" : decideMerge(policy, rows.score(row), before, same.has(row));
      this.#before[row] = before;
    }
  }

  /**
   * In an array or map, an invalid record of the same task would hide the record. In JSON Lines, a record with `deleted`
   * would delete its task.
   */
  #isRefused(row: number, theirRow: number, base: Snapshot): boolean {
    if (base.writesLines) return this.#source.rows.looksDeleted.has(row);
    const { userId, taskId } = this.id(row);
    return theirRow < 0 && base.hasInvalid(userId, taskId);
  }
}
