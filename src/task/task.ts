import { FIELDS, type Field } from "../json/fields.ts";
import { Spans, scanRecord } from "../json/record.ts";
import {
  BACKSLASH,
  compactJson,
  decodeString,
  hasByte,
  isBlank,
  JsonSyntaxError,
  OPEN_BRACE,
  QUOTE,
  skipSpace,
  skipValue,
  whyNotPython,
} from "../json/scan.ts";
import { idProblem, trimId } from "./ids.ts";
import type { RecordRules } from "./rules.ts";
import { formatUtc, isEpochInRange, type TimeReader } from "./time.ts";

export interface RecordReading {
  readonly rules: RecordRules;
  readonly times: TimeReader;
}

/** The known fields that change, as the mirror's hash holds them. Absent ones are empty. */
export interface RecordTexts {
  /** The service's own word. */
  readonly status: string;
  readonly error: string;
  /** ISO 8601, the record's own text if it has one. */
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** One valid task record (docs/contract.md, Records). */
export interface Task extends RecordTexts {
  readonly userId: string;
  readonly taskId: string;
  /** `updated_at` in epoch seconds, the number that Python's `timestamp()` gives; whole if the layout counts in whole seconds. */
  readonly score: number;
  /** The whole record as compact JSON, numbers as they were written. */
  readonly json: string;
}

/** A record that is kept but never listed, synced or purged, with what of its identity can be read. */
export interface InvalidRecord {
  readonly reason: string;
  readonly userId?: string | undefined;
  readonly taskId?: string | undefined;
}

export function isInvalid(record: Task | InvalidRecord): record is InvalidRecord {
  return "reason" in record;
}

export const FIELD = Object.fromEntries(FIELDS.map((name, index) => [name, index])) as Record<Field, number>;

/** The task in `bytes[from, end)`, a valid JSON value whose `spans` were scanned, or why it is invalid. */
export function readTask(bytes: Buffer, from: number, end: number, spans: Spans, { rules, times }: RecordReading) {
  if (bytes[from] !== OPEN_BRACE) return { reason: "not an object" };
  const user = readId(bytes, spans, "user_id", rules);
  const task = readId(bytes, spans, "task_id", rules);
  const problem = user.problem ?? task.problem ?? whyNotPython(bytes, from, end);
  const score = problem ?? readScore(bytes, spans, times);
  if (typeof score === "string") return { reason: score, userId: user.id, taskId: task.id };
  const { status, error, createdAt, updatedAt } = readTexts(bytes, spans);
  const json = compactJson(bytes, from, end);
  return { userId: user.id!, taskId: task.id!, status, error, createdAt, updatedAt, score, json };
}

/** `created_at` in epoch seconds, in the service's resolution; `updated_at` if the task has none. */
export function createdScore({ createdAt, score }: Pick<Task, "createdAt" | "score">, times: TimeReader): number {
  const created = times.ofHash(createdAt);
  return Number.isNaN(created) ? score : created;
}

const spansOfRecord = new Spans();

/** Whether a record has `"deleted": true`, which in JSON Lines makes it a tombstone (docs/contract.md, Store file). */
export function saysDeleted(json: string): boolean {
  if (!json.includes("deleted") && !json.includes("\\u")) return false;
  const bytes = Buffer.from(json);
  scanRecord(bytes, 0, bytes.length, spansOfRecord);
  return marksDeleted(bytes, spansOfRecord);
}

/** As `saysDeleted`, for an object whose spans were scanned. */
export function marksDeleted(bytes: Buffer, spans: Spans): boolean {
  const { deleted } = FIELD;
  return spans.has(deleted) && bytes.toString("latin1", spans.from(deleted), spans.end(deleted)) === "true";
}

function readTexts(bytes: Buffer, spans: Spans): RecordTexts {
  return {
    status: fieldText(bytes, spans, FIELD.status),
    error: fieldText(bytes, spans, FIELD.error),
    createdAt: timeText(bytes, spans, FIELD.created_at),
    updatedAt: timeText(bytes, spans, FIELD.updated_at),
  };
}

function readId(bytes: Buffer, spans: Spans, field: "user_id" | "task_id", rules: RecordRules) {
  const number = FIELD[field];
  if (!spans.has(number)) return { problem: `${field} is missing` };
  if (bytes[spans.from(number)] !== QUOTE) {
    // The service's keys and directories have a whole number as its text.
    const text = bytes.toString("latin1", spans.from(number), spans.end(number));
    return { id: /^-?\d+$/.test(text) ? text : undefined, problem: `${field} is not a string` };
  }
  const id = trimId(decodeString(bytes, spans.from(number), spans.end(number)));
  const problem = idProblem(field, id, rules);
  return { id: id || undefined, problem };
}

/** The score of `updated_at`, in the service's resolution, or what is wrong with it. */
export function readScore(bytes: Buffer, spans: Spans, times: TimeReader): number | string {
  const field = FIELD.updated_at;
  if (!spans.has(field)) return "updated_at is missing";
  const from = spans.from(field);
  const end = spans.end(field);
  if (bytes[from] === QUOTE) {
    let score = times.read(bytes, from + 1, end - 1);
    // Another writer may have escaped a sign of it (`\u002b`).
    if (Number.isNaN(score) && hasByte(bytes, BACKSLASH, from, end))
      score = times.parse(decodeString(bytes, from, end));
    return Number.isNaN(score) ? "updated_at is not an ISO 8601 time" : times.counted(score);
  }
  const score = Number(bytes.toString("latin1", from, end));
  if (Number.isNaN(score)) return "updated_at is neither a time nor a number";
  return isEpochInRange(score) ? times.counted(score) : "updated_at isn't a time in epoch seconds";
}

/** A field as the hash holds it: a string as it is, null as nothing, anything else as its JSON text. */
export function fieldText(bytes: Buffer, spans: Spans, field: number): string {
  if (!spans.has(field)) return "";
  const from = spans.from(field);
  const end = spans.end(field);
  if (bytes[from] === QUOTE) return decodeString(bytes, from, end).toWellFormed();
  const text = compactJson(bytes, from, end);
  return text === "null" ? "" : text;
}

/** A time field as the hash holds it: epoch seconds become ISO 8601. */
function timeText(bytes: Buffer, spans: Spans, field: number): string {
  const text = fieldText(bytes, spans, field);
  if (text === "" || bytes[spans.from(field)] === QUOTE) return text;
  const epoch = Number(text);
  return isEpochInRange(epoch) ? formatUtc(epoch) : text;
}

/** Reads single records from JSON text: payloads of the mirror, lines of an import, slices of the store file. */
export class RecordParser {
  readonly #spans = new Spans();
  readonly times: TimeReader;

  constructor(readonly rules: RecordRules) {
    this.times = rules.times();
  }

  /** @throws JsonSyntaxError if the text isn't one JSON value */
  parse(text: string | Buffer): Task | InvalidRecord {
    return this.#read(text, this.#task);
  }

  /** The task that a text is; null for any other text, JSON or not. */
  validOrNull(text: string): Task | null {
    const record = this.#tryRead(text, this.#task);
    return record === null || isInvalid(record) ? null : record;
  }

  /** Whether valid JSON, a line, ends a task: `{"user_id", "task_id", "deleted": true}`. */
  isTombstone(line: Buffer): boolean {
    const { userId, taskId } = this.parse(line);
    return userId !== undefined && taskId !== undefined && marksDeleted(line, this.#spans);
  }

  /** Whether a text is JSON that the service cannot read. */
  isBeyondPython(text: string): boolean {
    return this.#tryRead(Buffer.from(text), whyNotPython) != null;
  }

  isObject(text: string): boolean {
    return this.textsOrNull(text) !== null;
  }

  /** The known fields of a text that is one object, valid record or not; null for any other text, JSON or not. */
  textsOrNull(text: string): RecordTexts | null {
    return this.#tryRead(text, (bytes, from) => (bytes[from] === OPEN_BRACE ? readTexts(bytes, this.#spans) : null));
  }

  readonly #task: ReadValue<Task | InvalidRecord> = (bytes, from, end) => readTask(bytes, from, end, this.#spans, this);

  #tryRead<T>(text: string | Buffer, read: ReadValue<T>): T | null {
    try {
      return this.#read(text, read);
    } catch (error) {
      if (error instanceof JsonSyntaxError) return null;
      throw error;
    }
  }

  #read<T>(text: string | Buffer, read: ReadValue<T>): T {
    // A number is known as whole only by what follows it.
    const bytes = typeof text === "string" ? Buffer.from(`${text}\n`) : text;
    const from = skipSpace(bytes, 0, bytes.length);
    this.#spans.clear();
    const isObject = bytes[from] === OPEN_BRACE;
    const end = isObject ? scanRecord(bytes, from, bytes.length, this.#spans) : skipValue(bytes, from, bytes.length);
    if (!isBlank(bytes, end, bytes.length)) throw new JsonSyntaxError("text after the JSON value", end);
    return read(bytes, from, end);
  }
}

/** Reads the one JSON value in `bytes[from, end)`. */
type ReadValue<T> = (bytes: Buffer, from: number, end: number) => T;
