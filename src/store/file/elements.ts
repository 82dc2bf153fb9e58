import { isUtf8 } from "node:buffer";
import type { FileHandle } from "node:fs/promises";
import { Spans, scanRecord } from "../../json/record.ts";
import {
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COMMA,
  decodeString,
  isBlank,
  JsonIncomplete,
  JsonSyntaxError,
  OPEN_BRACE,
  QUOTE,
  skipKey,
  skipSpace,
  skipString,
  skipValue,
  toToken,
} from "../../json/scan.ts";

/** One valid JSON element in `bytes[from, end)`, at `offset` of the file; `spans`: an object's known fields. Bytes and spans are reused. */
export type OnElement = (bytes: Buffer, from: number, end: number, offset: number, spans: Spans) => void;

/** Scans one value; the spans are those of an object, and empty for anything else. */
function scanElement(bytes: Buffer, from: number, end: number, spans: Spans): number {
  if (bytes[from] === OPEN_BRACE) return scanRecord(bytes, from, end, spans);
  spans.clear();
  return skipValue(bytes, from, end);
}

/** Array or map: elements between brackets, up to white space at the end of the file. */
export class SequenceScan {
  readonly #map: boolean;
  readonly #close: number;
  readonly #onElement: OnElement;
  readonly #spans = new Spans();
  #state: "before" | "first" | "next" | "after" = "before";
  /** Which of the ids the map has as strings. */
  readonly #ids = new Set<string>();
  open = 0;
  close = 0;
  /** Where the element begins inside which the file ends, or what comes after the closing bracket. */
  unfinished: number | null = null;
  readonly #mayBeCut: boolean;

  /** @param mayBeCut whether a file that ends inside an element, or has more after its end, has those before it */
  constructor(shape: "array" | "map", onElement: OnElement, mayBeCut = false) {
    this.#mayBeCut = mayBeCut;
    this.#map = shape === "map";
    this.#close = this.#map ? CLOSE_BRACE : CLOSE_BRACKET;
    this.#onElement = onElement;
  }

  /** Whether the map has strings under `user_id` and `task_id`, like a record. */
  get isRecord(): boolean {
    return this.#ids.size === 2;
  }

  readonly consume: Consume = (bytes, from, end, offset, last) => {
    let done = from;
    try {
      for (;;) {
        const at = skipSpace(bytes, done, end);
        if (at >= end || this.#state === "after") return this.#atEnd(at, end, offset, last);
        done = this.#step(bytes, at, end, offset);
      }
    } catch (error) {
      if (!(error instanceof JsonIncomplete)) throw error;
      return last ? this.#cut(done, end, offset) : done;
    }
  };

  #atEnd(at: number, end: number, offset: number, last: boolean): number {
    if (this.#state !== "after") return last ? this.#cut(at, end, offset) : at;
    if (at < end && !this.#mayBeCut) {
      throw new JsonSyntaxError(`text after the closing '${String.fromCharCode(this.#close)}'`, at);
    }
    if (at < end) this.unfinished ??= offset + at;
    return end;
  }

  #cut(done: number, end: number, offset: number): number {
    if (!this.#mayBeCut || this.#state !== "next") {
      throw new StoreSyntaxError(`the file is truncated inside the ${this.#map ? "map" : "array"}`, offset + end);
    }
    this.unfinished = offset + done;
    return done;
  }

  #step(bytes: Buffer, at: number, end: number, offset: number): number {
    if (this.#state === "before") {
      this.open = offset + at;
      this.#state = "first";
      return at + 1;
    }
    if (bytes[at] === this.#close) {
      this.close = offset + at;
      this.#state = "after";
      return at + 1;
    }
    if (this.#state === "next" && bytes[at] !== COMMA) {
      throw new JsonSyntaxError(`',' or '${String.fromCharCode(this.#close)}' is missing`, at);
    }
    const from = this.#state === "next" ? toToken(bytes, at + 1, end) : at;
    const value = this.#map ? skipKey(bytes, from, end) : from;
    const next = scanElement(bytes, value, end, this.#spans);
    if (this.#map && bytes[value] === QUOTE) this.#refuseLoneRecord(bytes, from, end);
    this.#onElement(bytes, value, next, offset + value, this.#spans);
    this.#state = "next";
    return next;
  }

  /** A record over several lines looks like a map whose values are its fields. */
  #refuseLoneRecord(bytes: Buffer, keyFrom: number, end: number): void {
    const key = decodeString(bytes, keyFrom, skipString(bytes, keyFrom + 1, end));
    if (key === "user_id" || key === "task_id") this.#ids.add(key);
    if (this.isRecord) {
      throw new JsonSyntaxError("a single record over several lines: neither a map nor JSON Lines", keyFrom);
    }
  }
}

/** JSON Lines: one value a line, or none. */
export class LineScan {
  readonly #spans = new Spans();
  readonly open = 0;
  readonly close = 0;
  unfinished: number | null = null;

  /** @param lines known lines before the bytes */
  constructor(
    private readonly onElement: OnElement,
    private lines = 0,
  ) {}

  readonly consume: Consume = (bytes, from, end, offset, last) => {
    let at = from;
    for (;;) {
      const newline = bytes.indexOf(0x0a, at);
      if (newline < 0 || newline >= end) break;
      this.#line(bytes, at, newline + 1, offset);
      at = newline + 1;
    }
    if (last && at < end) this.#lastLine(bytes, at, end, offset);
    return at;
  };

  /** @param end after the newline, which ends a number and can't be part of a string */
  #line(bytes: Buffer, from: number, end: number, offset: number): void {
    const start = skipSpace(bytes, from, end);
    if (start === end) return;
    const valueEnd = scanElement(bytes, start, end, this.#spans);
    if (!isBlank(bytes, valueEnd, end))
      throw new JsonSyntaxError("text after the record", skipSpace(bytes, valueEnd, end));
    this.lines++;
    this.onElement(bytes, start, valueEnd, offset + start, this.#spans);
  }

  /** A last line without a newline: a record, or an unfinished append. */
  #lastLine(bytes: Buffer, from: number, end: number, offset: number): void {
    bytes[end] = 0x0a;
    try {
      const text = bytes.subarray(from, end);
      if (!isUtf8(text)) throw new JsonSyntaxError("not valid UTF-8", from + firstBadByte(text, text.length));
      this.#line(bytes, from, end + 1, offset);
      return;
    } catch (error) {
      if (this.lines === 0 || !(error instanceof JsonSyntaxError)) throw error;
    }
    this.unfinished = offset + from;
  }
}

/** The file isn't a store file, as the byte at `offset` shows. */
export class StoreSyntaxError extends Error {
  readonly offset: number;

  constructor(what: string, offset: number) {
    super(what);
    this.offset = offset;
  }
}

const CHUNK = 1 << 20;
/** For the byte behind the last one, and to see the end of the file. */
const SPARE = 64;

/**
 * Consumes whole elements of `bytes[from, end)` and returns the position after them; `offset` is that of `bytes[0]`. If
 * `last`, the file ends at `end`. The byte at `end` may be overwritten.
 */
type Consume = (bytes: Buffer, from: number, end: number, offset: number, last: boolean) => number;

/** Reads the file from `start`; bytes that weren't consumed come again, with more. Returns the file's size. */
export async function feed(handle: FileHandle, start: number, consume: Consume, expected = CHUNK): Promise<number> {
  let bytes = Buffer.allocUnsafe(Math.min(CHUNK, expected + SPARE));
  let held = 0;
  let offset = start;
  for (;;) {
    if (held + 1 >= bytes.length) bytes = Buffer.concat([bytes.subarray(0, held)], bytes.length * 2);
    const { bytesRead } = await handle.read(bytes, held, bytes.length - held - 1, offset + held);
    held += bytesRead;
    let used: number;
    try {
      used = consume(bytes, 0, held, offset, bytesRead === 0);
    } catch (error) {
      if (error instanceof JsonSyntaxError) throw new StoreSyntaxError(error.message, offset + error.position);
      throw error;
    }
    if (used !== STOP && !isUtf8(bytes.subarray(0, used))) {
      throw new StoreSyntaxError("not valid UTF-8", offset + firstBadByte(bytes, used));
    }
    if (bytesRead === 0 || used === STOP) return offset + held;
    bytes.copy(bytes, 0, used, held);
    held -= used;
    offset += used;
  }
}

/** A consumer returns this to end the reading. */
export const STOP = -2;

/** The first byte that doesn't begin a UTF-8 character: decoding replaces it. */
function firstBadByte(bytes: Buffer, end: number): number {
  const decoded = Buffer.from(bytes.toString("utf8", 0, end));
  let at = decoded.findIndex((byte, i) => byte !== bytes[i]);
  while ((decoded[at]! & 0xc0) === 0x80) at--; // it may begin as the replacement does
  return at;
}
