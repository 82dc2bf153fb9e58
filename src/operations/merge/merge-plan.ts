import { fingerprint, sameJson } from "../../json/value.ts";
import type { Edit } from "../../store/file/edit.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { upsertsFrom } from "../../store/file/upserts.ts";
import type { TaskId } from "../../store/task-source.ts";
import { toMicros } from "../../task/time.ts";
import { throwIfInterrupted } from "../pool.ts";
import { decideMerge, FATES, type Fate, goesIn, type MergePolicy } from "./decide.ts";

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
  readonly #rows: Int32Array;
  readonly #policy: MergePolicy;
  /** By row of the source, as in FATES. */
  readonly #fates: Uint8Array;
  /** By row: the time, in microseconds, of the file's record when the fate was decided; NaN for none. */
  readonly #before: Float64Array;
  /** By row: the fingerprint of the file's record of the same time that this one replaces; 0 for none. */
  readonly #prints: Int32Array;

  /** @param rows the live rows of the source that are meant, ascending */
  constructor(source: Snapshot, rows: Int32Array, policy: MergePolicy) {
    this.#source = source;
    this.#rows = rows;
    this.#policy = policy;
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
    const due: number[] = [];
    let pairs: Pair[] = [];
    for (const row of this.#rows) {
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
    const { keys } = this.#source.rows;
    const key = this.#source.rows.key(row);
    return { userId: keys.userId(key), taskId: keys.taskId(key) };
  }

  /** The rows of all records, with what becomes of each. */
  *fates(): Generator<[row: number, fate: Fate]> {
    for (const row of this.#rows) yield [row, this.fate(row)];
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
    return this.#settle(row, decideMerge(this.#policy, ours, theirs, false), theirs);
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
      return this.#settle(row, decideMerge(this.#policy, time, time, same), time) === "put" ? [row] : [];
    });
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
