import { grown, type KeyTable } from "../key-table.ts";

/** What an element of the store file is. */
export const LIVE = 0; // the task's record in force
export const SUPERSEDED = 1; // an older duplicate
export const INVALID = 2;
export const TOMBSTONE = 3;

/** Shown status as a number: 0 for a word outside the table. */
export const STATUS_CODES = ["other", "wait", "run", "done", "error"] as const;

const NO_KEY = -1;
const NO_ROW = -1;

/**
 * Every element of a store file, in file order, as columns of numbers: where its value stands, whose it is, its status
 * and its score. Some 60 bytes a task, so that a million fit where a million objects would not.
 */
export class Rows {
  readonly keys: KeyTable;
  /** Rows of an array or map that JSON Lines would take for tombstones, since they say `deleted`. Hardly any. */
  readonly looksDeleted = new Set<number>();
  #starts = new Float64Array(1 << 10);
  #lengths = new Uint32Array(1 << 10);
  #keys = new Int32Array(1 << 10);
  #scores = new Float64Array(1 << 10);
  #statuses = new Uint8Array(1 << 10);
  #states = new Uint8Array(1 << 10);
  /** By key: the row in force, or -1. */
  #liveRows = new Int32Array(1 << 10);
  /** By key: whether an invalid record stands for it too. */
  #invalidKeys = new Uint8Array(1 << 10);
  readonly #lastCounts: boolean;
  size = 0;
  live = 0;

  /** @param lastCounts of duplicates the last counts (JSON Lines), not the newest */
  constructor(lastCounts: boolean, keys: KeyTable) {
    this.#lastCounts = lastCounts;
    this.keys = keys;
  }

  /** The rows as they are now, apart from what is added later. Keys are shared: they only grow. */
  copy(): Rows {
    const copy = new Rows(this.#lastCounts, this.keys);
    for (const row of this.looksDeleted) copy.looksDeleted.add(row);
    copy.#starts = this.#starts.slice();
    copy.#lengths = this.#lengths.slice();
    copy.#keys = this.#keys.slice();
    copy.#scores = this.#scores.slice();
    copy.#statuses = this.#statuses.slice();
    copy.#states = this.#states.slice();
    copy.#liveRows = this.#liveRows.slice();
    copy.#invalidKeys = this.#invalidKeys.slice();
    copy.#knownKeys = this.#knownKeys;
    copy.size = this.size;
    copy.live = this.live;
    return copy;
  }

  addTask(start: number, end: number, key: number, status: number, score: number): void {
    const row = this.#add(start, end, key, LIVE);
    this.#statuses[row] = status;
    this.#scores[row] = score;
    const before = this.liveRow(key);
    if (before >= 0 && !this.#lastCounts && this.#scores[before]! > score) {
      this.#states[row] = SUPERSEDED;
      return;
    }
    this.#retire(key);
    if (this.#lastCounts) this.#invalidKeys[key] = 0;
    this.#liveRows[key] = row;
    this.live++;
  }

  /** @param key -1 where its ids cannot be read */
  addInvalid(start: number, end: number, key: number): void {
    this.#add(start, end, key, INVALID);
    if (key === NO_KEY) return;
    if (this.#lastCounts) this.#retire(key);
    this.#invalidKeys[key] = 1;
  }

  /** An invalid record with other ids stands for this key too. */
  standInvalid(key: number): void {
    this.#ensureKey(key);
    this.#invalidKeys[key] = 1;
  }

  addTombstone(start: number, end: number, key: number): void {
    this.#add(start, end, key, TOMBSTONE);
    this.#retire(key);
    this.#invalidKeys[key] = 0;
  }

  start(row: number): number {
    return this.#starts[row]!;
  }

  end(row: number): number {
    return this.#starts[row]! + this.#lengths[row]!;
  }

  key(row: number): number {
    return this.#keys[row]!;
  }

  score(row: number): number {
    return this.#scores[row]!;
  }

  status(row: number): number {
    return this.#statuses[row]!;
  }

  state(row: number): number {
    return this.#states[row]!;
  }

  /** The row in force of a key, or -1. */
  liveRow(key: number): number {
    return key < this.#knownKeys ? this.#liveRows[key]! : NO_ROW; // a copy does not know the keys that came later
  }

  hasInvalid(key: number): boolean {
    return this.#invalidKeys[key] === 1;
  }

  /** `updated_at` descending, ties by member, bytewise descending (SPEC section 4). */
  compare(a: number, b: number): number {
    const byScore = this.#scores[b]! - this.#scores[a]!;
    return byScore !== 0 ? byScore : this.keys.compare(this.#keys[b]!, this.#keys[a]!);
  }

  #retire(key: number): void {
    const row = this.#liveRows[key]!;
    if (row < 0) return;
    this.#states[row] = SUPERSEDED;
    this.#liveRows[key] = -1;
    this.live--;
  }

  #add(start: number, end: number, key: number, state: number): number {
    if (this.size === this.#starts.length) this.#growRows();
    this.#ensureKey(key);
    const row = this.size++;
    this.#starts[row] = start;
    this.#lengths[row] = end - start;
    this.#keys[row] = key;
    this.#states[row] = state;
    return row;
  }

  #growRows(): void {
    this.#starts = grown(this.#starts);
    this.#lengths = grown(this.#lengths);
    this.#keys = grown(this.#keys);
    this.#scores = grown(this.#scores);
    this.#statuses = grown(this.#statuses);
    this.#states = grown(this.#states);
  }

  /** Keys are numbered in order of first sight, so a new one is always the next. */
  #ensureKey(key: number): void {
    if (key !== this.#knownKeys) return;
    if (key === this.#liveRows.length) {
      this.#liveRows = grown(this.#liveRows);
      this.#invalidKeys = grown(this.#invalidKeys);
    }
    this.#liveRows[key] = -1;
    this.#knownKeys++;
  }

  #knownKeys = 0;
}
