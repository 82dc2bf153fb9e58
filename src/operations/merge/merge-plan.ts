import { throwIfInterrupted } from "../../errors.ts";
import { fingerprint, sameJson } from "../../json/value.ts";
import type { Edit } from "../../store/file/edit.ts";
import { matchingRows } from "../../store/file/file-tasks.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { upsertsFrom } from "../../store/file/upserts.ts";
import type { TaskId } from "../../store/task-source.ts";
import { soleUser } from "../../task/filter.ts";
import type { Task } from "../../task/task.ts";
import { toMicros } from "../../task/time.ts";
import type { Selection } from "../select.ts";

/**
 * Which record is kept if the store file has another one of the same task. `update` is `newer` for tasks that the file has;
 * others were deleted during the run.
 */
export type MergePolicy = "newer" | "keep" | "replace" | "update";

/**
 * What becomes of a record that is merged into the store file: it goes in (`add`, `replace`), is there already, or the
 * file's stays since it is newer (`older`), of the same time with other content (`conflict`), since that was asked for
 * (`present`), or since it was written while we were at it (`changed`). `refused`: it cannot be put into this file.
 */
const FATES = [
  "undecided",
  "add",
  "replace",
  "identical",
  "older",
  "conflict",
  "present",
  "changed",
  "refused",
] as const;
export type Fate = (typeof FATES)[number];

/**
 * @param ours `updated_at` of the record, whole microseconds
 * @param theirs that of the file's record; NaN where it has none
 * @param same whether the two hold the same; asked only where the times are equal
 */
export function decideMerge(policy: MergePolicy, ours: number, theirs: number, same: boolean): Fate {
  if (Number.isNaN(theirs)) return policy === "update" ? "changed" : "add";
  if (ours === theirs && same) return "identical";
  if (policy === "keep") return "present";
  if (policy === "replace" || ours > theirs) return "replace";
  return ours === theirs ? "conflict" : "older";
}

/** Whether the record is to be in the file in the end. */
export function goesIn(fate: Fate): boolean {
  return fate === "add" || fate === "replace";
}

/** The live rows of a source that are meant, ascending, and the ids asked for that it does not have. */
export function chooseRows(source: Snapshot, { filter, ids }: Selection): { rows: Int32Array; missing: string[] } {
  if (ids === null) return { rows: Int32Array.from(matchingRows(source, filter)), missing: [] };
  const rowOf = (taskId: string) => source.rowOf(soleUser(filter)!, taskId);
  const found = new Set(ids.map(rowOf));
  return {
    rows: Int32Array.from([...matchingRows(source, filter)].filter((row) => found.has(row))),
    missing: ids.filter((taskId) => rowOf(taskId) < 0),
  };
}

/** How many pairs of records are compared at once. */
const COMPARED = 250;

/** A record of the source, and the row of the file that has the same task at the same time. */
type Pair = readonly [row: number, theirRow: number];

/**
 * The plan to merge the records of one file into the store file, made again on each content that the file has until the
 * merge is in it. Records that the service wrote or deleted since the first decision stay that way.
 */
export class MergePlan {
  readonly #source: Snapshot;
  readonly rows: Int32Array;
  readonly #policy: MergePolicy | "unchanged";
  /** By row of the source, as in FATES. */
  readonly #fates: Uint8Array;
  /** By row: the time, in microseconds, of the file's record when the fate was decided; NaN for none. */
  readonly #before: Float64Array;
  /** By row: the fingerprint of the file's record of the same time that this one replaces; 0 for none. */
  readonly #prints: Int32Array;
  readonly #change: (task: Task) => Task;

  /**
   * @param rows the live rows of the source that are meant
   * @param policy `unchanged`: the source is the store file as it was decided on, and its records go in changed, unless the
   *   service has written them since
   * @param change makes such a record
   */
  constructor(source: Snapshot, rows: Int32Array, policy: MergePolicy | "unchanged", change = (task: Task) => task) {
    this.#source = source;
    this.rows = rows;
    this.#policy = policy;
    this.#change = change;
    this.#fates = new Uint8Array(source.rows.size);
    this.#prints = new Int32Array(source.rows.size);
    this.#before = new Float64Array(source.rows.size).fill(Number.NaN);
  }

  /**
   * Decides on one content of the file: what has to be put into it.
   * @param signal ends it, where nothing was written yet
   * @throws TtsctlError INTERRUPTED
   */
  async on(current: Snapshot, signal?: AbortSignal): Promise<Edit> {
    if (this.#policy === "unchanged") return this.#ofTheFile(current);
    const due: number[] = [];
    let pairs: Pair[] = [];
    for (const row of this.rows) {
      const verdict = this.#judge(row, current);
      if (verdict === "put") due.push(row);
      else if (verdict !== "leave") pairs.push(verdict);
      if (pairs.length < COMPARED) continue;
      due.push(...(await this.#compare(pairs, current)));
      pairs = [];
      if (signal !== undefined) throwIfInterrupted(signal, "nothing was written");
    }
    due.push(...(await this.#compare(pairs, current)));
    return { removed: new Set(), upserts: upsertsFrom(this.#source, Int32Array.from(due).sort()) };
  }

  fate(row: number): Fate {
    return FATES[this.#fates[row]!]!;
  }

  /** The time that the file's record had which this one replaced, epoch seconds; NaN for none. */
  replaced(row: number): number {
    return this.#before[row]! / 1e6;
  }

  id(row: number): TaskId {
    return this.#source.idOf(row);
  }

  /** The rows of all records, with what becomes of each. */
  *fates(): Generator<[row: number, fate: Fate]> {
    for (const row of this.rows) yield [row, this.fate(row)];
  }

  /** The source is an earlier content of the file: what still is as it was there is changed. */
  #ofTheFile(current: Snapshot): Edit {
    const due: number[] = [];
    for (const row of this.rows) {
      const now = current === this.#source ? row : this.#sameIn(current, row);
      this.#settle(row, now < 0 ? "changed" : "replace", Number.NaN);
      if (now >= 0) due.push(now);
    }
    const records = upsertsFrom(
      current,
      due.sort((a, b) => a - b),
    );
    const read = async (numbers: readonly number[]) => (await records.read(numbers)).map(this.#change);
    return { removed: new Set(), upserts: { ...records, read } };
  }

  /** The row that has the same status and time in another content; -1 for none. */
  #sameIn(current: Snapshot, row: number): number {
    const { userId, taskId } = this.id(row);
    const now = current.hasInvalid(userId, taskId) ? -1 : current.rowOf(userId, taskId);
    const { rows } = this.#source;
    if (now < 0 || current.rows.status(now) !== rows.status(row)) return -1;
    return current.rows.score(now) === rows.score(row) ? now : -1;
  }

  #judge(row: number, current: Snapshot): "put" | "leave" | Pair {
    const before = this.fate(row);
    if (before === "changed") return "leave";
    const { userId, taskId } = this.id(row);
    const theirRow = current.rowOf(userId, taskId);
    const theirs = theirRow < 0 ? Number.NaN : toMicros(current.rows.score(theirRow));
    // The file had it before: the service deleted it.
    if (theirRow < 0 && !Number.isNaN(this.#before[row])) return this.#settle(row, "changed", theirs);
    if (this.#isRefused(row, theirRow, current)) return this.#settle(row, "refused", theirs);
    const ours = toMicros(this.#source.rows.score(row));
    if (ours === theirs) return [row, theirRow]; // only the content tells
    const isAsBefore = Number.isNaN(theirs) || theirs === this.#before[row];
    if (this.#policy === "replace" && goesIn(before) && !isAsBefore) return this.#settle(row, "changed", theirs);
    return this.#settle(row, this.#decide(ours, theirs, false), theirs);
  }

  /** Settles records that the file has at the same time. Returns the rows that are to be put in. */
  async #compare(pairs: readonly Pair[], current: Snapshot): Promise<number[]> {
    const ours = await this.#source.readTasks(pairs.map(([row]) => row));
    const theirs = await current.readTasks(pairs.map(([, theirRow]) => theirRow));
    return pairs.flatMap(([row], i) => {
      const same = sameJson(ours[i]!.json, theirs[i]!.json);
      const time = toMicros(ours[i]!.score);
      const print = fingerprint(theirs[i]!.json);
      if (goesIn(this.fate(row)) && this.#prints[row] !== print) {
        this.#settle(row, "changed", time);
        return [];
      }
      this.#prints[row] = print;
      return this.#settle(row, this.#decide(time, time, same), time) === "put" ? [row] : [];
    });
  }

  #decide(ours: number, theirs: number, same: boolean): Fate {
    return this.#policy === "unchanged" ? "changed" : decideMerge(this.#policy, ours, theirs, same);
  }

  #settle(row: number, fate: Fate, theirs: number): "put" | "leave" {
    this.#fates[row] = FATES.indexOf(fate);
    this.#before[row] = theirs;
    return goesIn(fate) ? "put" : "leave";
  }

  /**
   * Beside an invalid record of the same task a valid one would have no say in an array or map; and in JSON Lines a
   * record with `deleted` would be the end of its task.
   */
  #isRefused(row: number, theirRow: number, current: Snapshot): boolean {
    if (current.writesLines) return this.#source.rows.looksDeleted.has(row);
    const { userId, taskId } = this.id(row);
    return theirRow < 0 && current.hasInvalid(userId, taskId);
  }
}
