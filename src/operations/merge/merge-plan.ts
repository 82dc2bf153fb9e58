import { throwIfInterrupted } from "../../errors.ts";
import { fingerprint, sameJson } from "../../json/value.ts";
import type { Edit } from "../../store/file/edit.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { upsertsFrom } from "../../store/file/upserts.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { Task } from "../../task/task.ts";
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

/** A row of the source, and the row of the file with the same task at the same time. */
type Pair = readonly [row: number, theirRow: number];

/**
 * Merges the records of one file into the store file, planned again for each content that the file has until it is written.
 * Records that the service wrote or deleted since the first plan are left alone.
 */
export class MergePlan {
  readonly #source: Snapshot;
  readonly rows: Int32Array;
  readonly #how: MergePolicy | ((task: Task) => Task);
  /** By row of the source: its place in FATES, from 1; 0 before the first decision. */
  readonly #fates: Uint8Array;
  /** By row: the time of the file's record at the last decision, epoch seconds; NaN for none. */
  readonly #before: Float64Array;
  /** By row: the fingerprint of the file's record of the same time; 0 for none. */
  readonly #prints: Int32Array;

  /**
   * @param rows the chosen rows of the source, ascending for a policy
   * @param how a policy; or a change of records, if the source is an earlier content of the store file: it is left out for
   *   those that the service has written since
   */
  constructor(source: Snapshot, rows: Int32Array, how: MergePolicy | ((task: Task) => Task)) {
    this.#source = source;
    this.rows = rows;
    this.#how = how;
    this.#fates = new Uint8Array(source.rows.size);
    this.#prints = new Int32Array(source.rows.size);
    this.#before = new Float64Array(source.rows.size).fill(Number.NaN);
  }

  /** The edit of a content of the file. @throws TtsctlError INTERRUPTED by the signal */
  async on(current: Snapshot, signal?: AbortSignal): Promise<Edit> {
    if (typeof this.#how === "function") return this.#changed(current, this.#how);
    const policy = this.#how;
    let pairs: Pair[] = [];
    for (const row of this.rows) {
      const theirRow = this.#judge(row, current, policy);
      if (theirRow >= 0) pairs.push([row, theirRow]);
      if (pairs.length < COMPARED) continue;
      await this.#compare(pairs, current, policy);
      pairs = [];
      if (signal !== undefined) throwIfInterrupted(signal, "nothing was written");
    }
    await this.#compare(pairs, current, policy);
    const due = this.rows.filter((row) => this.goesIn(row));
    return { removed: new Set(), upserts: upsertsFrom(this.#source, due) };
  }

  fate(row: number): Fate | undefined {
    return FATES[this.#fates[row]! - 1];
  }

  *of(...fates: readonly Fate[]): Generator<number> {
    for (const row of this.rows) if (fates.includes(this.fate(row)!)) yield row;
  }

  goesIn(row: number): boolean {
    const fate = this.fate(row);
    return fate === "added" || fate === "replaced";
  }

  counts(): MergeCounts {
    const counts = Object.fromEntries(FATES.map((fate) => [fate, 0])) as MergeCounts;
    for (const row of this.rows) {
      const fate = this.fate(row);
      if (fate !== undefined) counts[fate]++;
    }
    return counts;
  }

  /** The time of the file's record that a row replaced, epoch seconds; NaN if it replaced none. */
  replacedTime(row: number): number {
    return this.fate(row) === "replaced" ? this.#before[row]! : Number.NaN;
  }

  id(row: number): TaskId {
    return this.#source.idOf(row);
  }

  /** Changes the records of an earlier content that are still as they were there. */
  #changed(current: Snapshot, change: (task: Task) => Task): Edit {
    const due: number[] = [];
    for (const row of this.rows) {
      const now = current === this.#source ? row : this.#sameIn(current, row);
      this.#settle(row, now < 0 ? "changed" : "replaced", Number.NaN);
      if (now >= 0) due.push(now);
    }
    const records = upsertsFrom(current, Int32Array.from(due).sort());
    const read = async (numbers: readonly number[]) => (await records.read(numbers)).map(change);
    return { removed: new Set(), upserts: { ...records, read } };
  }

  /** The row with the same task, status and time in another content; -1 for none. */
  #sameIn(current: Snapshot, row: number): number {
    const { userId, taskId } = this.id(row);
    const now = current.hasInvalid(userId, taskId) ? -1 : current.rowOf(userId, taskId);
    const { rows } = this.#source;
    if (now < 0 || current.rows.status(now) !== rows.status(row)) return -1;
    return current.rows.score(now) === rows.score(row) ? now : -1;
  }

  /** Settles a row by its time. If the times are equal, returns the file's row for `#compare`; else -1. */
  #judge(row: number, current: Snapshot, policy: MergePolicy): number {
    if (this.fate(row) === "changed") return -1;
    const { userId, taskId } = this.id(row);
    const theirRow = current.rowOf(userId, taskId);
    const theirs = theirRow < 0 ? Number.NaN : current.rows.score(theirRow);
    const ours = this.#source.rows.score(row);
    const isGone = theirRow < 0 && !Number.isNaN(this.#before[row]);
    const isRefused = this.#isRefused(row, theirRow, current);
    if (sameInstant(ours, theirs) && !isRefused) return theirRow;
    const isAsBefore = Number.isNaN(theirs) || theirs === this.#before[row];
    const isChanged = isGone || (!isRefused && policy === "replace" && this.goesIn(row) && !isAsBefore);
    const fate = isRefused ? "refused" : decideMerge(policy, ours, theirs, false);
    this.#settle(row, isChanged ? "changed" : fate, theirs);
    return -1;
  }

  /** Settles rows that the file has at the same time. */
  async #compare(pairs: readonly Pair[], current: Snapshot, policy: MergePolicy): Promise<void> {
    const ours = await this.#source.readTasks(pairs.map(([row]) => row));
    const theirs = await current.readTasks(pairs.map(([, theirRow]) => theirRow));
    for (const [i, [row]] of pairs.entries()) {
      const same = sameJson(ours[i]!.json, theirs[i]!.json);
      const time = theirs[i]!.score;
      const print = fingerprint(theirs[i]!.json);
      const isChanged = this.goesIn(row) && this.#prints[row] !== print;
      this.#prints[row] = print;
      this.#settle(row, isChanged ? "changed" : decideMerge(policy, time, time, same), time);
    }
  }

  #settle(row: number, fate: Fate, theirs: number): void {
    this.#fates[row] = FATES.indexOf(fate) + 1;
    this.#before[row] = theirs;
  }

  /**
   * In an array or map, an invalid record of the same task would hide the record. In JSON Lines, a record with `deleted`
   * would delete its task.
   */
  #isRefused(row: number, theirRow: number, current: Snapshot): boolean {
    if (current.writesLines) return this.#source.rows.looksDeleted.has(row);
    const { userId, taskId } = this.id(row);
    return theirRow < 0 && current.hasInvalid(userId, taskId);
  }
}
