import { grown, type KeyTable, roomAfter } from "../key-table.ts";

/** States of an element of the store file. */
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

/**
 * Every element of a store file, in file order, as columns of numbers: place, key, status and score. Some 25 bytes a
 * task besides its key; a million objects would take more than a gigabyte.
 */
export class Rows {
  readonly keys: KeyTable;
  /** Rows of an array or map that would be tombstones in JSON Lines, since they say `deleted`. */
  readonly looksDeleted = new Set<number>();
  #starts = new Float64Array(1 << 10);
  #lengths = new Uint32Array(1 << 10);
  /** Null while row n is the task in force of key n, as in most files. */
  #links: Links | null = null;
  #scores = new Float64Array(1 << 10);
  #statuses = new Uint8Array(1 << 10);
  #states = new Uint8Array(1 << 10);
  /** Keys for which an invalid record stands too. */
  readonly #invalidKeys = new Set<number>();
  readonly #lastCounts: boolean;
  readonly #fileSize: number;
  size = 0;
  live = 0;
  #knownKeys = 0;

  /**
   * @param lastCounts of duplicates the last counts (JSON Lines), not the newest
   * @param fileSize in bytes, to estimate the number of rows
   */
  constructor(lastCounts: boolean, keys: KeyTable, fileSize = 0) {
    this.#lastCounts = lastCounts;
    this.keys = keys;
    this.#fileSize = fileSize;
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
    if (this.#lastCounts) this.#invalidKeys.delete(key);
    this.#links.liveRows[key] = row;
    this.live++;
  }

  /** @param key -1 where its ids cannot be read */
  addInvalid(start: number, end: number, key: number): void {
    this.#link();
    this.#add(start, end, key, INVALID);
    if (key === NO_KEY) return;
    if (this.#lastCounts) this.#retire(key);
    this.#invalidKeys.add(key);
  }

  /** An invalid record with other ids stands for this key too. */
  standInvalid(key: number): void {
    this.#link();
    this.#ensureKey(key);
    this.#invalidKeys.add(key);
  }

  addTombstone(start: number, end: number, key: number): void {
    this.#link();
    this.#add(start, end, key, TOMBSTONE);
    this.#retire(key);
    this.#invalidKeys.delete(key);
  }

  start(row: number): number {
    return this.#starts[row]!;
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
    return this.#links === null ? key : this.#links.liveRows[key]!;
  }

  hasInvalid(key: number): boolean {
    return this.#invalidKeys.has(key);
  }

  /** `updated_at` descending, ties by member, bytewise descending (SPEC section 4). */
  compare(a: number, b: number): number {
    const byScore = this.#scores[b]! - this.#scores[a]!;
    return byScore !== 0 ? byScore : this.compareKeys(a, b);
  }

  compareKeys(a: number, b: number): number {
    return this.keys.compare(this.key(b), this.key(a));
  }

  /** Rows in file order, in groups of neighbours: `span` bytes at most, with gaps of at most `gap`. */
  *neighbours(rows: Iterable<number>, span: number, gap = span): Generator<number[]> {
    let group: number[] = [];
    for (const row of rows) {
      const isApart =
        group.length > 0 &&
        (this.end(row) - this.start(group[0]!) > span || this.start(row) - this.end(group.at(-1)!) > gap);
      if (isApart) {
        yield group;
        group = [];
      }
      group.push(row);
    }
    if (group.length > 0) yield group;
  }

  #retire(key: number): void {
    const { liveRows } = this.#links!;
    const row = liveRows[key]!;
    if (row < 0) return;
    this.#states[row] = SUPERSEDED;
    liveRows[key] = NO_ROW;
    this.live--;
  }

  /** Called before the first row that isn't the task in force of the next key. */
  #link(): void {
    if (this.#links !== null) return;
    const keys = new Int32Array(this.#starts.length);
    for (let row = 0; row < this.size; row++) keys[row] = row;
    const liveRows = new Int32Array(this.#starts.length);
    for (let key = 0; key < this.#knownKeys; key++) liveRows[key] = key;
    this.#links = { keys, liveRows };
  }

  #add(start: number, end: number, key: number, state: number): number {
    if (this.size === this.#starts.length) this.#growRows();
    this.#ensureKey(key);
    const row = this.size++;
    this.#starts[row] = start;
    this.#lengths[row] = end - start;
    if (this.#links !== null) this.#links.keys[row] = key;
    this.#states[row] = state;
    return row;
  }

  #growRows(): void {
    // An eighth more: growing again would cost more.
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
    this.#knownKeys++;
    if (this.#links === null) return;
    const { liveRows } = this.#links;
    if (key === liveRows.length) this.#links.liveRows = grown(liveRows, roomAfter(key, this.keys.expected));
    this.#links.liveRows[key] = NO_ROW;
  }
}
