import { Spans, scanRecord } from "../json/record.ts";
import { INCOMPLETE, JsonSyntaxError, OPEN_BRACE, skipSpace, skipValue } from "../json/scan.ts";
import { isBlank } from "../json/text.ts";
import {
  type InvalidRecord,
  isInvalid,
  marksDeleted,
  type RecordTexts,
  readTask,
  readTexts,
  type Task,
} from "./task.ts";
import { TimeReader } from "./time.ts";
import type { Zone } from "./zone.ts";

/** Reads single records from JSON text: payloads of the mirror, lines of an import, slices of the store file. */
export class RecordParser {
  readonly #spans = new Spans();
  readonly times: TimeReader;

  constructor(zone: Zone) {
    this.times = new TimeReader(zone);
  }

  /** @throws JsonSyntaxError where the text is not one JSON value. */
  parse(text: string | Uint8Array): Task | InvalidRecord {
    // A number is known as whole only by what follows it.
    const bytes = typeof text === "string" ? Buffer.from(`${text}\n`) : text;
    const { from, end } = this.#scan(bytes);
    return readTask(bytes, from, end, this.#spans, this.times);
  }

  /** The task that a text is; null for any other text, JSON or not. */
  validOrNull(text: string): Task | null {
    try {
      const record = this.parse(text);
      return isInvalid(record) ? null : record;
    } catch (error) {
      if (error instanceof JsonSyntaxError) return null;
      throw error;
    }
  }

  /** Whether valid JSON, a line, ends a task: `{"user_id", "task_id", "deleted": true}`. */
  isTombstone(line: Uint8Array): boolean {
    const { userId, taskId } = this.parse(line);
    return userId !== undefined && taskId !== undefined && marksDeleted(line, this.#spans);
  }

  /** Whether the text is one JSON object. */
  isObject(text: string): boolean {
    try {
      const bytes = Buffer.from(text);
      return bytes[this.#scan(bytes).from] === OPEN_BRACE;
    } catch (error) {
      if (error instanceof JsonSyntaxError) return false;
      throw error;
    }
  }

  /** The known fields of one object, valid record or not. */
  texts(json: string): RecordTexts {
    const bytes = Buffer.from(json);
    this.#scan(bytes);
    return readTexts(bytes, this.#spans);
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
