import { grown, type KeyTable, roomAfter } from "../key-table.ts";

/** What an element of the store file is. */
export const LIVE = 0; // the task's record in force
export const SUPERSEDED = 1; // an older duplicate
export const INVALID = 2;
export const TOMBSTONE = 3;

/** Shown status as a number: 0 for a word outside the table. */
export const STATUS_CODES = ["other", "wait", "run", "done", "error"] as const;

const NO_KEY = -1;
const NO_ROW = -1;

interface Links {
  /** By row: its key, or -1 where its ids cannot be read. */
  keys: Int32Array<ArrayBuffer>;
  /** By key: the row in force, or -1. */
  liveRows: Int32Array<ArrayBuffer>;
}

/** Starts are kept without what exceeds this. */
const WRAP = 2 ** 32;

/**
 * Every element of a store file, in file order, as columns of numbers: where its value stands, whose it is, its status
 * and its score. Some 20 bytes a task besides its key, so that a million fit where a million objects would not.
 */
export class Rows {
  readonly keys: KeyTable;
  /** Rows of an array or map that JSON Lines would take for tombstones, since they say `deleted`. Hardly any. */
  readonly looksDeleted = new Set<number>();
  /** Modulo 4 GiB. */
  #starts = new Uint32Array(1 << 10);
  /** The first row that starts behind each multiple of 4 GiB. */
  readonly #wraps: number[] = [];
  #lengths = new Uint32Array(1 << 10);
  /** The keys of rows and the rows of keys; null while each row is the task in force of the key of its own number, as in most files. */
  #links: Links | null = null;
  #scores = new Float64Array(1 << 10);
  #statuses = new Uint8Array(1 << 10);
  #states = new Uint8Array(1 << 10);
  /** By key: whether an invalid record stands for it too. */
  #invalidKeys = new Uint8Array(1 << 10);
  readonly #lastCounts: boolean;
  readonly #fileSize: number;
  size = 0;
  live = 0;

  /**
   * @param lastCounts of duplicates the last counts (JSON Lines), not the newest
   * @param fileSize in bytes, from which is told how many rows there will be
   */
  constructor(lastCounts: boolean, keys: KeyTable, fileSize = 0) {
    this.#lastCounts = lastCounts;
    this.keys = keys;
    this.#fileSize = fileSize;
  }

  /** The rows as they are now, apart from what is added later. Keys are shared: they only grow. */
  copy(): Rows {
    const copy = new Rows(this.#lastCounts, this.keys);
    for (const row of this.looksDeleted) copy.looksDeleted.add(row);
    copy.#starts = this.#starts.slice();
    copy.#wraps.push(...this.#wraps);
    copy.#lengths = this.#lengths.slice();
    copy.#links = this.#links && { keys: this.#links.keys.slice(), liveRows: this.#links.liveRows.slice() };
    copy.#scores = this.#scores.slice();
    copy.#statuses = this.#statuses.slice();
    copy.#states = this.#states.slice();
    copy.#invalidKeys = this.#invalidKeys.slice();
    copy.#knownKeys = this.#knownKeys;
    copy.size = this.size;
    copy.live = this.live;
    return copy;
  }

  addTask(start: number, end: number, key: number, status: number, score: number): void {
    if (key !== this.size) this.#link();
    const row = this.#add(start, end, key, LIVE);
    this.#statuses[row] = status;
    this.#scores[row] = score;
    if (this.#links === null) {
      this.live++;
      return;
    }
    const before = this.liveRow(key);
    if (before >= 0 && !this.#lastCounts && this.#scores[before]! > score) {
      this.#states[row] = SUPERSEDED;
      return;
    }
    this.#retire(key);
    if (this.#lastCounts) this.#invalidKeys[key] = 0;
    this.#links.liveRows[key] = row;
    this.live++;
  }

  /** @param key -1 where its ids cannot be read */
  addInvalid(start: number, end: number, key: number): void {
    this.#link();
    this.#add(start, end, key, INVALID);
    if (key === NO_KEY) return;
    if (this.#lastCounts) this.#retire(key);
    this.#invalidKeys[key] = 1;
  }

  /** An invalid record with other ids stands for this key too. */
  standInvalid(key: number): void {
    this.#link();
    this.#ensureKey(key);
    this.#invalidKeys[key] = 1;
  }

  addTombstone(start: number, end: number, key: number): void {
    this.#link();
    this.#add(start, end, key, TOMBSTONE);
    this.#retire(key);
    this.#invalidKeys[key] = 0;
  }

  start(row: number): number {
    let start = this.#starts[row]!;
    for (const wrap of this.#wraps) if (row >= wrap) start += WRAP;
    return start;
  }

  end(row: number): number {
    return this.start(row) + this.#lengths[row]!;
  }

  key(row: number): number {
    return this.#links === null ? row : this.#links.keys[row]!;
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
    if (key >= this.#knownKeys) return NO_ROW; // a copy does not know the keys that came later
    return this.#links === null ? key : this.#links.liveRows[key]!;
  }

  hasInvalid(key: number): boolean {
    return this.#invalidKeys[key] === 1;
  }

  /** `updated_at` descending, ties by member, bytewise descending (SPEC section 4). */
  compare(a: number, b: number): number {
    const byScore = this.#scores[b]! - this.#scores[a]!;
    return byScore !== 0 ? byScore : this.compareKeys(a, b);
  }

  /** By member alone, bytewise descending. */
  compareKeys(a: number, b: number): number {
    return this.keys.compare(this.key(b), this.key(a));
  }

  #retire(key: number): void {
    const { liveRows } = this.#links!;
    const row = liveRows[key]!;
    if (row < 0) return;
    this.#states[row] = SUPERSEDED;
    liveRows[key] = NO_ROW;
    this.live--;
  }

  /** Writes down what was implied, before a row that is not the task in force of the next key. */
  #link(): void {
    if (this.#links !== null) return;
    const keys = new Int32Array(this.#starts.length);
    for (let row = 0; row < this.size; row++) keys[row] = row;
    const liveRows = new Int32Array(this.#invalidKeys.length);
    for (let key = 0; key < this.#knownKeys; key++) liveRows[key] = key;
    this.#links = { keys, liveRows };
  }

  #add(start: number, end: number, key: number, state: number): number {
    if (this.size === this.#starts.length) this.#growRows();
    this.#ensureKey(key);
    const row = this.size++;
    this.#starts[row] = start % WRAP;
    while (start >= (this.#wraps.length + 1) * WRAP) this.#wraps.push(row);
    this.#lengths[row] = end - start;
    if (this.#links !== null) this.#links.keys[row] = key;
    this.#states[row] = state;
    return row;
  }

  #growRows(): void {
    // An eighth more, as to fall short would cost much more.
    const expected = (this.#fileSize / Math.max(this.end(this.size - 1), 1)) * this.size * 1.125;
    const length = roomAfter(this.#starts.length, expected);
    this.keys.expected = Math.max(this.keys.expected, length);
    this.#starts = grown(this.#starts, length);
    this.#lengths = grown(this.#lengths, length);
    if (this.#links !== null) this.#links.keys = grown(this.#links.keys, length);
    this.#scores = grown(this.#scores, length);
    this.#statuses = grown(this.#statuses, length);
    this.#states = grown(this.#states, length);
  }

  /** Keys are numbered in order of first sight, so a new one is always the next. */
  #ensureKey(key: number): void {
    if (key !== this.#knownKeys) return;
    if (key === this.#invalidKeys.length) {
      const length = roomAfter(key, this.keys.expected);
      this.#invalidKeys = grown(this.#invalidKeys, length);
      if (this.#links !== null) this.#links.liveRows = grown(this.#links.liveRows, length);
    }
    if (this.#links !== null) this.#links.liveRows[key] = NO_ROW;
    this.#knownKeys++;
  }

  #knownKeys = 0;
}
