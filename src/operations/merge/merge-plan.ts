import { throwIfInterrupted } from "../../errors.ts";
import { sameJson } from "../../json/value.ts";
import { batches } from "../../pool.ts";
import { Changes, putsFrom } from "../../store/file/changes.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import type { TaskId } from "../../store/task-source.ts";
import { newer, sameInstant } from "../../task/version.ts";

export type MergePolicy = "newer" | "keep" | "replace";

/** The action of a merge for a record, or why it keeps the file's. */
const FATES = [
  "added",
  "replaced",
  /** The file has the same. */
  "identical",
  /** The file's is newer. */
  "older",
  /** The file's has the same time and other content. */
  "conflict",
  /** The file's is kept by the policy. */
  "present",
  /** The service wrote or deleted it during the run. */
  "changed",
  /** The file can't hold it. */
  "refused",
] as const;
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
  readonly rows: Int32Array;
  /** By row of the source: its place in FATES, from 1; 0 before the decision. */
  readonly #fates: Uint8Array;
  /** By row: the time of the file's record, epoch seconds; NaN for none. */
  readonly #before: Float64Array;

  private constructor(source: Snapshot, rows: Int32Array) {
    this.#source = source;
    this.rows = rows;
    this.#fates = new Uint8Array(source.rows.size);
    this.#before = new Float64Array(source.rows.size).fill(Number.NaN);
  }

  /**
   * @param rows the chosen rows of the source, ascending
   * @throws TtsctlError INTERRUPTED by the signal
   */
  static async make(source: Snapshot, rows: Int32Array, policy: MergePolicy, base: Snapshot, signal: AbortSignal) {
    const plan = new MergePlan(source, rows);
    for (const batch of batches(rows, COMPARED)) {
      await plan.#decide(batch, policy, base);
      throwIfInterrupted(signal, "nothing was written");
    }
    return plan;
  }

  /** Puts the records that go into the file. @param base as for `make` */
  changes(base: Snapshot): Changes {
    return new Changes(base, { removed: new Set(), puts: putsFrom(this.#source, Int32Array.from(this.goingIn())) });
  }

  /** The service changed or deleted these tasks before they were written. */
  leave(ids: readonly TaskId[]): void {
    for (const { userId, taskId } of ids)
      this.#fates[this.#source.rowOf(userId, taskId)] = FATES.indexOf("changed") + 1;
  }

  fate(row: number): Fate | undefined {
    return FATES[this.#fates[row]! - 1];
  }

  *of(...fates: readonly Fate[]): Generator<number> {
    for (const row of this.rows) if (fates.includes(this.fate(row)!)) yield row;
  }

  goingIn(): Generator<number> {
    return this.of("added", "replaced");
  }

  counts(): MergeCounts {
    const counts = Object.fromEntries(FATES.map((fate) => [fate, 0])) as MergeCounts;
    for (const row of this.rows) counts[this.fate(row)!]++;
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
    const theirs = batch.map((row) => {
      const { userId, taskId } = this.id(row);
      return base.rowOf(userId, taskId);
    });
    const timeOf = (row: number) => (row < 0 ? Number.NaN : base.rows.score(row));
    const pairs = batch.flatMap((row, i) => {
      return sameInstant(rows.score(row), timeOf(theirs[i]!)) ? [[row, theirs[i]!] as const] : [];
    });
    const a = await this.#source.readTasks(pairs.map(([row]) => row));
    const b = await base.readTasks(pairs.map(([, theirRow]) => theirRow));
    const same = new Set(pairs.flatMap(([row], i) => (sameJson(a[i]!.json, b[i]!.json) ? [row] : [])));
    for (const [i, row] of batch.entries()) {
      const before = timeOf(theirs[i]!);
      const isRefused = this.#isRefused(row, theirs[i]!, base);
      const fate = isRefused ? "refused" : decideMerge(policy, rows.score(row), before, same.has(row));
      this.#fates[row] = FATES.indexOf(fate) + 1;
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
