import { equalsAt, type Spans } from "../../json/record.ts";
import { BACKSLASH, QUOTE } from "../../json/scan.ts";
import { whyNotPython } from "../../json/text.ts";
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
import type { OnElement } from "./elements.ts";
import { type Rows, STATUS_CODES } from "./rows.ts";

/** A service has about ten status words. */
const MOST_WORDS = 20;

type OnInvalid = (record: InvalidRecord, offset: number) => void;

/**
 * Puts each element of a store file into rows. Nearly all records are plain ASCII and take a path that builds no strings;
 * all others go through `readTask`, which decides what is valid.
 */
export class RowReader {
  readonly #rows: Rows;
  readonly #onInvalid: OnInvalid;
  readonly #reading: RecordReading;
  /** The first status words of the file, quotes included. */
  readonly #words: { readonly bytes: Uint8Array; readonly code: number }[] = [];
  readonly #tombstones: boolean;

  constructor(rows: Rows, rules: RecordRules, options: { tombstones: boolean; onInvalid: OnInvalid }) {
    this.#rows = rows;
    this.#reading = { rules, times: rules.times() };
    this.#tombstones = options.tombstones;
    this.#onInvalid = options.onInvalid;
  }

  readonly add: OnElement = (bytes, from, end, offset, spans) => {
    if (marksDeleted(bytes, spans)) {
      if (this.#tombstones && this.#addTombstone(bytes, from, end, offset, spans)) return;
      this.#rows.looksDeleted.add(this.#rows.size);
    }
    const isUsual = isPlain(bytes, spans, FIELD.user_id, true) && isPlain(bytes, spans, FIELD.task_id, false);
    if (isUsual && whyNotPython(bytes, from, end) === undefined) {
      const score = readScore(bytes, spans, this.#reading.times);
      if (typeof score === "number") {
        const key = this.#plainKey(bytes, spans);
        this.#rows.addTask(offset, offset + end - from, key, this.#status(bytes, spans), score);
        return;
      }
    }
    this.#addAny(bytes, from, end, offset, spans);
  };

  #plainKey(bytes: Buffer, spans: Spans): number {
    const { user_id: user, task_id: task } = FIELD;
    return this.#rows.keys.add(
      bytes,
      spans.from(user) + 1,
      spans.end(user) - 1,
      spans.from(task) + 1,
      spans.end(task) - 1,
    );
  }

  #addAny(bytes: Buffer, from: number, end: number, offset: number, spans: Spans): void {
    const record = readTask(bytes, from, end, spans, this.#reading);
    if (isInvalid(record)) {
      const key = this.#keyOf(record.userId, record.taskId);
      this.#rows.addInvalid(offset, offset + end - from, key);
      if (key >= 0) this.#standForNamesake(record.userId!, record.taskId!);
      this.#onInvalid(record, offset);
      return;
    }
    const key = this.#keyOf(record.userId, record.taskId);
    this.#rows.addTask(offset, offset + end - from, key, this.#status(bytes, spans), record.score);
  }

  /** In Redis the user `a:b` with the task `c` reads as `a` with `b:c`, so that name is also taken. */
  #standForNamesake(userId: string, taskId: string): void {
    const colon = userId.indexOf(":");
    if (colon <= 0 || this.#reading.rules.allowsColons) return;
    const namesake = this.#keyOf(userId.slice(0, colon), `${userId.slice(colon + 1)}:${taskId}`);
    if (namesake >= 0) this.#rows.standInvalid(namesake);
  }

  #keyOf(userId: string | undefined, taskId: string | undefined): number {
    if (userId === undefined || taskId === undefined) return -1;
    // Lone surrogates would all become the same bytes, and so the key of another task.
    return userId.isWellFormed() && taskId.isWellFormed() ? this.#rows.keys.addId(userId, taskId) : -1;
  }

  /** A line `{"user_id", "task_id", "deleted": true}`; other fields are ignored. */
  #addTombstone(bytes: Buffer, from: number, end: number, offset: number, spans: Spans): boolean {
    const { userId, taskId } = readTask(bytes, from, end, spans, this.#reading);
    const key = this.#keyOf(userId, taskId);
    if (key < 0) return false;
    this.#rows.addTombstone(offset, offset + end - from, key);
    return true;
  }

  #status(bytes: Buffer, spans: Spans): number {
    if (!spans.has(FIELD.status)) return 0;
    const [from, end] = [spans.from(FIELD.status), spans.end(FIELD.status)];
    for (const word of this.#words) if (equalsAt(bytes, from, end, word.bytes)) return word.code;
    const code = statusCode(fieldText(bytes, spans, FIELD.status));
    if (this.#words.length < MOST_WORDS) this.#words.push({ bytes: Buffer.from(bytes.subarray(from, end)), code });
    return code;
  }
}

/** The number that stands for a status word in the rows. */
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
