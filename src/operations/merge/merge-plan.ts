import { throwIfInterrupted } from "../../errors.ts";
import { fingerprint, sameJson } from "../../json/value.ts";
import type { Edit } from "../../store/file/edit.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { upsertsFrom } from "../../store/file/upserts.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { Task } from "../../task/task.ts";
import { toMicros } from "../../task/time.ts";

/** Which record is kept if the store file has another one of the same task. */
export type MergePolicy = "newer" | "keep" | "replace";

/** What a merge does with a record, or why the file's record is kept. */
const FATES = [
  "added",
  "replaced",
  /** The file has the same. */
  "identical",
  /** The file's is newer. */
  "older",
  /** The file's has the same time and other content. */
  "conflict",
  /** The file's is kept, as was asked for. */
  "present",
  /** The service wrote or deleted it during the run. */
  "changed",
  /** It can't be put into this file. */
  "refused",
] as const;
export type Fate = (typeof FATES)[number];

/** How many records of the source have each fate. */
export type MergeCounts = Record<Fate, number>;

/**
 * @param ours `updated_at` of the record, whole microseconds
 * @param theirs that of the file's record; NaN for none
 * @param same whether both have the same content; it matters only if the times are equal
 */
export function decideMerge(policy: MergePolicy, ours: number, theirs: number, same: boolean): Fate {
  if (Number.isNaN(theirs)) return "added";
  if (ours === theirs && same) return "identical";
  if (policy === "keep") return "present";
  if (policy === "replace" || ours > theirs) return "replaced";
  return ours === theirs ? "conflict" : "older";
}

/** How many pairs of records are compared at once. */
const COMPARED = 250;

/** A row of the source, and the row of the file with the same task at the same time. */
type Pair = readonly [row: number, theirRow: number];

/**
 * The plan to merge the records of one file into the store file, made again for each content that the file has until it is
 * written. Records that the service wrote or deleted since the first decision are kept as they are.
 */
export class MergePlan {
  readonly #source: Snapshot;
  readonly rows: Int32Array;
  readonly #how: MergePolicy | ((task: Task) => Task);
  /** By row of the source: its place in FATES, from 1; 0 before the first decision. */
  readonly #fates: Uint8Array;
  /** By row: the time of the file's record at the last decision, microseconds; NaN for none. */
  readonly #before: Float64Array;
  /** By row: the fingerprint of the file's record of the same time; 0 for none. */
  readonly #prints: Int32Array;

  /**
   * @param rows the chosen rows of the source
   * @param how a policy; or a change, if the source is an earlier content of the store file: its records go in changed, unless
   *   the service has written them since
   */
  constructor(source: Snapshot, rows: Int32Array, how: MergePolicy | ((task: Task) => Task)) {
    this.#source = source;
    this.rows = rows;
    this.#how = how;
    this.#fates = new Uint8Array(source.rows.size);
    this.#prints = new Int32Array(source.rows.size);
    this.#before = new Float64Array(source.rows.size).fill(Number.NaN);
  }

  /**
   * Decides what to put into a content of the file.
   * @param signal may stop it before anything was written
   * @throws TtsctlError INTERRUPTED
   */
  async on(current: Snapshot, signal?: AbortSignal): Promise<Edit> {
    if (typeof this.#how === "function") return this.#changed(current, this.#how);
    const policy = this.#how;
    const due: number[] = [];
    let pairs: Pair[] = [];
    for (const row of this.rows) {
      const verdict = this.#judge(row, current, policy);
      if (verdict === "put") due.push(row);
      else if (verdict !== "leave") pairs.push(verdict);
      if (pairs.length < COMPARED) continue;
      due.push(...(await this.#compare(pairs, current, policy)));
      pairs = [];
      if (signal !== undefined) throwIfInterrupted(signal, "nothing was written");
    }
    due.push(...(await this.#compare(pairs, current, policy)));
    return { removed: new Set(), upserts: upsertsFrom(this.#source, Int32Array.from(due).sort()) };
  }

  fate(row: number): Fate | undefined {
    return FATES[this.#fates[row]! - 1];
  }

  /** The rows with some fates. */
  *of(...fates: readonly Fate[]): Generator<number> {
    for (const row of this.rows) if (fates.includes(this.fate(row)!)) yield row;
  }

  /** Whether a record is to be in the file in the end. */
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
    return this.fate(row) === "replaced" ? this.#before[row]! / 1e6 : Number.NaN;
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

  #judge(row: number, current: Snapshot, policy: MergePolicy): "put" | "leave" | Pair {
    if (this.fate(row) === "changed") return "leave";
    const { userId, taskId } = this.id(row);
    const theirRow = current.rowOf(userId, taskId);
    const theirs = theirRow < 0 ? Number.NaN : toMicros(current.rows.score(theirRow));
    // The file had it before: the service deleted it.
    if (theirRow < 0 && !Number.isNaN(this.#before[row])) return this.#settle(row, "changed", theirs);
    if (this.#isRefused(row, theirRow, current)) return this.#settle(row, "refused", theirs);
    const ours = toMicros(this.#source.rows.score(row));
    if (ours === theirs) return [row, theirRow]; // the content decides
    const isAsBefore = Number.isNaN(theirs) || theirs === this.#before[row];
    if (policy === "replace" && this.goesIn(row) && !isAsBefore) return this.#settle(row, "changed", theirs);
    return this.#settle(row, decideMerge(policy, ours, theirs, false), theirs);
  }

  /** Settles rows that the file has at the same time. Returns those that go in. */
  async #compare(pairs: readonly Pair[], current: Snapshot, policy: MergePolicy): Promise<number[]> {
    const ours = await this.#source.readTasks(pairs.map(([row]) => row));
    const theirs = await current.readTasks(pairs.map(([, theirRow]) => theirRow));
    return pairs.flatMap(([row], i) => {
      const same = sameJson(ours[i]!.json, theirs[i]!.json);
      const time = toMicros(ours[i]!.score);
      const print = fingerprint(theirs[i]!.json);
      if (this.goesIn(row) && this.#prints[row] !== print) {
        this.#settle(row, "changed", time);
        return [];
      }
      this.#prints[row] = print;
      return this.#settle(row, decideMerge(policy, time, time, same), time) === "put" ? [row] : [];
    });
  }

  #settle(row: number, fate: Fate, theirs: number): "put" | "leave" {
    this.#fates[row] = FATES.indexOf(fate) + 1;
    this.#before[row] = theirs;
    return this.goesIn(row) ? "put" : "leave";
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
