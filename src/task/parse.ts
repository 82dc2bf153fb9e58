import { whyNotPython } from "../json/python.ts";
import { Spans, scanRecord } from "../json/record.ts";
import { INCOMPLETE, JsonSyntaxError, OPEN_BRACE, skipSpace, skipValue } from "../json/scan.ts";
import { compactJson, isBlank, isCompact } from "../json/text.ts";
import type { RecordRules } from "./rules.ts";
import {
  type FieldTexts,
  hasTexts,
  type InvalidRecord,
  isInvalid,
  marksDeleted,
  type RecordTexts,
  readScore,
  readTask,
  readTexts,
  type Task,
} from "./task.ts";
import type { TimeReader } from "./time.ts";

/** Reads single records from JSON text: payloads of the mirror, lines of an import, slices of the store file. */
export class RecordParser {
  readonly #spans = new Spans();
  readonly rules: RecordRules;
  readonly times: TimeReader;

  constructor(rules: RecordRules) {
    this.rules = rules;
    this.times = rules.times();
  }

  /** @throws JsonSyntaxError where the text is not one JSON value. */
  parse(text: string | Uint8Array): Task | InvalidRecord {
    // A number is known as whole only by what follows it.
    const bytes = typeof text === "string" ? Buffer.from(`${text}\n`) : text;
    const { from, end } = this.#scan(bytes);
    return readTask(bytes, from, end, this.#spans, this);
  }

  /** The task that a text is where its fields have these very values; null where one may differ, or it is no valid task. */
  confirm(text: string, expected: FieldTexts): Task | null {
    if (expected.userId === "" || expected.taskId === "") return null;
    const bytes = Buffer.from(`${text}\n`);
    const scanned = this.#tryScan(bytes);
    if (scanned === null || bytes[scanned.from] !== OPEN_BRACE || !hasTexts(bytes, this.#spans, expected)) return null;
    const score = readScore(bytes, this.#spans, this.times);
    if (typeof score === "string" || whyNotPython(bytes, scanned.from, scanned.end) !== undefined) return null;
    return { ...expected, score, json: compacted(text, bytes, scanned) };
  }

  /** The task that a text is; null for any other text, JSON or not. */
  validOrNull(text: string): Task | null {
    const bytes = Buffer.from(`${text}\n`);
    const scanned = this.#tryScan(bytes);
    if (scanned === null) return null;
    const record = readTask(bytes, scanned.from, scanned.end, this.#spans, this);
    return isInvalid(record) ? null : record;
  }

  /** Whether valid JSON, a line, ends a task: `{"user_id", "task_id", "deleted": true}`. */
  isTombstone(line: Uint8Array): boolean {
    const { userId, taskId } = this.parse(line);
    return userId !== undefined && taskId !== undefined && marksDeleted(line, this.#spans);
  }

  /** Whether a text is one JSON object that the service cannot read. */
  isBeyondPython(text: string): boolean {
    const bytes = Buffer.from(text);
    const scanned = this.#tryScan(bytes);
    return scanned !== null && whyNotPython(bytes, scanned.from, scanned.end) !== undefined;
  }

  /** Whether the text is one JSON object. */
  isObject(text: string): boolean {
    const bytes = Buffer.from(text);
    const scanned = this.#tryScan(bytes);
    return scanned !== null && bytes[scanned.from] === OPEN_BRACE;
  }

  /** The known fields of a text that is one object, valid record or not; null for any other text, JSON or not. */
  textsOrNull(text: string): RecordTexts | null {
    const bytes = Buffer.from(text);
    const scanned = this.#tryScan(bytes);
    return scanned !== null && bytes[scanned.from] === OPEN_BRACE ? readTexts(bytes, this.#spans) : null;
  }

  /** The known fields of one object, valid record or not. */
  texts(json: string): RecordTexts {
    const bytes = Buffer.from(json);
    this.#scan(bytes);
    return readTexts(bytes, this.#spans);
  }

  #tryScan(bytes: Uint8Array): { from: number; end: number } | null {
    try {
      return this.#scan(bytes);
    } catch (error) {
      if (error instanceof JsonSyntaxError) return null;
      throw error;
    }
  }

  #scan(bytes: Uint8Array): { from: number; end: number } {
    const from = skipSpace(bytes, 0, bytes.length);
    this.#spans.clear();
    const isObject = bytes[from] === OPEN_BRACE;
    const end = isObject ? scanRecord(bytes, from, bytes.length, this.#spans) : skipValue(bytes, from, bytes.length);
    if (end === INCOMPLETE) throw new JsonSyntaxError("the JSON ends too early", bytes.length);
    if (!isBlank(bytes, end, bytes.length)) throw new JsonSyntaxError("text after the JSON value", end);
    return { from, end };
  }
}

/** The text itself where it is compact already, which saves decoding it again. */
function compacted(text: string, bytes: Uint8Array, { from, end }: { from: number; end: number }): string {
  const isWhole = from === 0 && end === bytes.length - 1;
  return isWhole && isCompact(bytes, from, end) ? text : compactJson(bytes, from, end);
}
