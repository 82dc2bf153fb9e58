import { equalsAt, type Spans } from "../../json/record.ts";
import { BACKSLASH, QUOTE, whyNotPython } from "../../json/scan.ts";
import type { RecordRules } from "../../task/rules.ts";
import { shownStatus } from "../../task/status.ts";
import {
  FIELD,
  fieldText,
  type InvalidRecord,
  isInvalid,
  marksDeleted,
  type RecordReading,
  readScore,
  readTask,
} from "../../task/task.ts";
import { grown, type KeyTable, roomAfter } from "../key-table.ts";
import type { OnElement } from "./elements.ts";

export const LIVE = 0; // the task's record in force
export const SUPERSEDED = 1; // an older duplicate
export const INVALID = 2;
export const TOMBSTONE = 3;

/** Shown status as a number: 0 for a word outside the table. */
export const STATUS_CODES = ["other", "wait", "run", "done", "error"] as const;

const NO_KEY = -1;
const NO_ROW = -1;

/** Every element of a store file as columns of numbers: a million objects would take more than a gigabyte. */
export class Rows {
  /** Rows of an array or map that would be tombstones in JSON Lines, since they say `deleted`. */
  readonly looksDeleted = new Set<number>();
  #starts = new Float64Array(1 << 10);
  #lengths = new Uint32Array(1 << 10);
  /** By row: its key, or -1 if its ids can't be read. */
  #keys = new Int32Array(1 << 10);
  /** By key: the row in force, or -1. */
  #liveRows = new Int32Array(1 << 10);
  #scores = new Float64Array(1 << 10);
  #statuses = new Uint8Array(1 << 10);
  #states = new Uint8Array(1 << 10);
  /** Keys that an invalid record also has. */
  readonly #invalidKeys = new Set<number>();
  size = 0;
  live = 0;
  #knownKeys = 0;

  /** @param lastCounts of duplicates the last counts (JSON Lines), not the newest @param fileSize in bytes, for the number of rows */
  constructor(
    private readonly lastCounts: boolean,
    readonly keys: KeyTable,
    private readonly fileSize = 0,
  ) {}

  addTask(start: number, end: number, key: number, status: number, score: number): void {
    const row = this.#add(start, end, key, LIVE);
    this.#statuses[row] = status;
    this.#scores[row] = score;
    const before = this.liveRow(key);
    if (before >= 0 && !this.lastCounts && this.#scores[before]! > score) {
      this.#states[row] = SUPERSEDED;
      return;
    }
    this.#retire(key);
    if (this.lastCounts) this.#invalidKeys.delete(key);
    this.#liveRows[key] = row;
    this.live++;
  }

  /** @param key -1 if its ids cannot be read */
  addInvalid(start: number, end: number, key: number): void {
    this.#add(start, end, key, INVALID);
    if (key === NO_KEY) return;
    if (this.lastCounts) this.#retire(key);
    this.#invalidKeys.add(key);
  }

  /** An invalid record with other ids has the same key. */
  markInvalid(key: number): void {
    this.#ensureKey(key);
    this.#invalidKeys.add(key);
  }

  addTombstone(start: number, end: number, key: number): void {
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
    return this.#liveRows[key]!;
  }

  hasInvalid(key: number): boolean {
    return this.#invalidKeys.has(key);
  }

  /** `updated_at` descending, ties by member, bytewise descending (docs/contract.md, Reading). */
  compare(a: number, b: number): number {
    return this.#scores[b]! - this.#scores[a]! || this.keys.compare(this.key(b), this.key(a));
  }

  #retire(key: number): void {
    const row = this.#liveRows[key]!;
    if (row < 0) return;
    this.#states[row] = SUPERSEDED;
    this.#liveRows[key] = NO_ROW;
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
    // An eighth more: growing again would cost more.
    const expected = (this.fileSize / Math.max(this.end(this.size - 1), 1)) * this.size * 1.125;
    const length = roomAfter(this.#starts.length, expected);
    this.keys.expected = Math.max(this.keys.expected, length);
    this.#starts = grown(this.#starts, length);
    this.#lengths = grown(this.#lengths, length);
    this.#keys = grown(this.#keys, length);
    this.#scores = grown(this.#scores, length);
    this.#statuses = grown(this.#statuses, length);
    this.#states = grown(this.#states, length);
  }

  /** Keys are numbered in order of first sight, so a new one is always the next. */
  #ensureKey(key: number): void {
    if (key !== this.#knownKeys) return;
    this.#knownKeys++;
    if (key === this.#liveRows.length) this.#liveRows = grown(this.#liveRows, roomAfter(key, this.keys.expected));
    this.#liveRows[key] = NO_ROW;
  }
}

/** A service has about ten status words. */
const MOST_WORDS = 20;

/** More invalid records are only counted. */
const NAMED_INVALID = 20;

export class InvalidRecords {
  count = 0;
  readonly named: (InvalidRecord & { readonly offset: number })[] = [];
  /** Task ids of records without a readable user: they still own the logs of these ids. */
  readonly ownerless = new Set<string>();
  /** Users of records without a readable task id: these may own any folder of the user. */
  readonly taskless = new Set<string>();

  add(record: InvalidRecord, offset: number): void {
    const { userId, taskId } = record;
    this.count++;
    if (userId === undefined && taskId !== undefined) this.ownerless.add(taskId);
    if (taskId === undefined && userId !== undefined) this.taskless.add(userId);
    if (this.named.length < NAMED_INVALID) this.named.push({ ...record, offset });
  }
}

/** Puts each element into rows. Most are ASCII and build no strings; `readTask` reads the rest. @param tombstones whether `deleted` removes a task */
export function rowReader(rows: Rows, rules: RecordRules, tombstones: boolean) {
  const invalid = new InvalidRecords();
  const reading: RecordReading = { rules, times: rules.times() };
  /** The first status words of the file, quotes included. */
  const words: { readonly bytes: Uint8Array; readonly code: number }[] = [];

  const add: OnElement = (bytes, from, end, offset, spans) => {
    const endsAt = offset + end - from;
    if (marksDeleted(bytes, spans)) {
      const key = tombstones ? keyOf(readTask(bytes, from, end, spans, reading)) : -1;
      if (key >= 0) return rows.addTombstone(offset, endsAt, key);
      rows.looksDeleted.add(rows.size);
    }
    const { user_id: user, task_id: task } = FIELD;
    const isUsual = isPlain(bytes, spans, user, true) && isPlain(bytes, spans, task, false);
    if (isUsual && whyNotPython(bytes, from, end) === undefined) {
      const score = readScore(bytes, spans, reading.times);
      if (typeof score === "number") {
        const userEnd = spans.end(user) - 1;
        const taskEnd = spans.end(task) - 1;
        const key = rows.keys.add(bytes, spans.from(user) + 1, userEnd, spans.from(task) + 1, taskEnd);
        return rows.addTask(offset, endsAt, key, statusIn(bytes, spans), score);
      }
    }
    const record = readTask(bytes, from, end, spans, reading);
    const key = keyOf(record);
    if (!isInvalid(record)) return rows.addTask(offset, endsAt, key, statusIn(bytes, spans), record.score);
    rows.addInvalid(offset, endsAt, key);
    if (key >= 0) markNamesake(record.userId!, record.taskId!);
    invalid.add(record, offset);
  };

  /** In Redis, the user `a:b` with the task `c` reads as `a` with `b:c`, so this also reserves that name. */
  function markNamesake(userId: string, taskId: string): void {
    const colon = userId.indexOf(":");
    if (colon <= 0 || rules.isPublished) return;
    rows.markInvalid(rows.keys.addId(userId.slice(0, colon), `${userId.slice(colon + 1)}:${taskId}`));
  }

  function keyOf({ userId, taskId }: { userId?: string | undefined; taskId?: string | undefined }): number {
    // Lone surrogates would all become the same bytes, and so the key of another task.
    return userId?.isWellFormed() && taskId?.isWellFormed() ? rows.keys.addId(userId, taskId) : -1;
  }

  function statusIn(bytes: Buffer, spans: Spans): number {
    if (!spans.has(FIELD.status)) return 0;
    const from = spans.from(FIELD.status);
    const end = spans.end(FIELD.status);
    for (const word of words) if (equalsAt(bytes, from, end, word.bytes)) return word.code;
    const code = statusCode(fieldText(bytes, spans, FIELD.status));
    if (words.length < MOST_WORDS) words.push({ bytes: Buffer.from(bytes.subarray(from, end)), code });
    return code;
  }

  return { invalid, add };
}

export function statusCode(word: string): number {
  return STATUS_CODES.indexOf(shownStatus(word) ?? "other");
}

/** Whether an id is printable ASCII without escapes or spaces, so its bytes are the id. */
function isPlain(bytes: Buffer, spans: Spans, field: number, isUser: boolean): boolean {
  if (!spans.has(field)) return false;
  const from = spans.from(field);
  const end = spans.end(field);
  if (bytes[from] !== QUOTE || end - from < 3) return false;
  for (let at = from + 1; at < end - 1; at++) {
    const byte = bytes[at]!;
    if (byte <= 0x20 || byte >= 0x7f || byte === BACKSLASH || (isUser && byte === 0x3a)) return false;
  }
  return true;
}
