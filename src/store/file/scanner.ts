import { isUtf8 } from "node:buffer";
import type { FileHandle } from "node:fs/promises";
import { Spans, scanRecord } from "../../json/record.ts";
import {
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COMMA,
  INCOMPLETE,
  JsonSyntaxError,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  skipColon,
  skipSpace,
  skipString,
  skipValue,
} from "../../json/scan.ts";
import { decodeString, isBlank } from "../../json/text.ts";

export type Shape = "array" | "map" | "jsonl";

/**
 * One element of the store file, valid JSON in `bytes[from, end)`; `spans` say where its known fields stand if it is an
 * object. `offset` is the place of `from` in the file. The bytes and spans are reused: take what is needed at once.
 */
type OnElement = (bytes: Buffer, from: number, end: number, offset: number, spans: Spans) => void;

/** Takes what the scan finds: first the shape, then each element. */
export interface ScanSink {
  shape(shape: Shape): void;
  element: OnElement;
}

export interface ScanResult {
  readonly shape: Shape;
  /** Array or map: where the opening and the closing bracket stand. */
  readonly open: number;
  readonly close: number;
  readonly size: number;
  /** JSON Lines: where an append that was never finished begins. */
  readonly unfinished: number | null;
}

/** The file is not what a store file can be; `offset` is the byte at which that shows. */
export class StoreSyntaxError extends Error {
  readonly offset: number;

  constructor(what: string, offset: number) {
    super(what);
    this.offset = offset;
  }
}

const CHUNK = 1 << 20;

/**
 * Scans a store file from its first byte to its last, in chunks that hold at least one whole element, and tells the
 * sink of each. Nothing but the largest element bounds the memory.
 * @throws StoreSyntaxError for anything that is not an array, a map or JSON Lines (SPEC section 2)
 */
export async function scanStore(handle: FileHandle, sink: ScanSink): Promise<ScanResult> {
  const shape = await recogniseShape(handle);
  sink.shape(shape);
  const scan = shape === "jsonl" ? new LineScan(sink.element) : new SequenceScan(shape, sink.element);
  const size = await feed(handle, 0, (bytes, from, end, offset, last) => scan.consume(bytes, from, end, offset, last));
  const { open, close, unfinished } = scan;
  return { shape, open, close, size, unfinished };
}

/**
 * Takes what is whole in `bytes[from, end)` and returns the position after it; `offset` is that of `bytes[0]`. `last`
 * says that the file ends at `end`. The byte at `end` may be written to.
 */
type Consume = (bytes: Buffer, from: number, end: number, offset: number, last: boolean) => number;

/** Reads the file from `start` and hands it on; what was not consumed comes again, with more. Returns the file's size. */
async function feed(handle: FileHandle, start: number, consume: Consume): Promise<number> {
  let bytes = Buffer.allocUnsafe(CHUNK);
  let held = 0;
  let offset = start;
  for (;;) {
    if (held + 1 >= bytes.length) bytes = Buffer.concat([bytes.subarray(0, held)], bytes.length * 2);
    const { bytesRead } = await handle.read(bytes, held, bytes.length - held - 1, offset + held);
    held += bytesRead;
    const used = consumeChecked(consume, bytes, held, offset, bytesRead === 0);
    if (bytesRead === 0 || used === STOP) return offset + held;
    bytes.copy(bytes, 0, used, held);
    held -= used;
    offset += used;
  }
}

/** What a consumer returns when it has seen enough. */
const STOP = -2;

function consumeChecked(consume: Consume, bytes: Buffer, held: number, offset: number, last: boolean): number {
  try {
    const used = consume(bytes, 0, held, offset, last);
    if (used !== STOP && !isUtf8(bytes.subarray(0, used))) {
      throw new StoreSyntaxError("not valid UTF-8", offset + firstBadByte(bytes, used));
    }
    return used;
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw new StoreSyntaxError(error.message, offset + error.position);
    throw error;
  }
}

/**
 * Where the first byte stands that begins no UTF-8 character. Bisects over prefixes that end with an ASCII byte, and
 * goes through the rest character by character.
 */
function firstBadByte(bytes: Buffer, end: number): number {
  const snap = (at: number) => {
    let to = at;
    while (to > 0 && bytes[to - 1]! >= 0x80) to--;
    return to;
  };
  let good = 0;
  let bad = end;
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    const prefix = snap(middle);
    if (prefix > good && isUtf8(bytes.subarray(0, prefix))) good = middle;
    else if (prefix <= good) good = middle;
    else bad = middle;
  }
  let at = snap(good);
  while (at < end && isUtf8(bytes.subarray(at, at + characterLength(bytes[at]!)))) at += characterLength(bytes[at]!);
  return at;
}

/** How many bytes the UTF-8 character has that begins with `byte`. */
function characterLength(byte: number): number {
  if (byte < 0x80) return 1;
  return byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

/** Array or map: elements between brackets, up to white space at the end of the file. */
class SequenceScan {
  readonly #map: boolean;
  readonly #close: number;
  readonly #onElement: OnElement;
  readonly #spans = new Spans();
  #state: "before" | "first" | "next" | "after" = "before";
  #recordFields = 0;
  open = 0;
  close = 0;
  readonly unfinished = null;

  constructor(shape: "array" | "map", onElement: OnElement) {
    this.#map = shape === "map";
    this.#close = this.#map ? CLOSE_BRACE : CLOSE_BRACKET;
    this.#onElement = onElement;
  }

  get ended(): boolean {
    return this.#state === "after";
  }

  consume(bytes: Buffer, from: number, end: number, offset: number, last: boolean): number {
    let done = from;
    for (;;) {
      const at = skipSpace(bytes, done, end);
      if (at >= end || this.#state === "after") return this.#atEnd(at, end, offset, last);
      const next = this.#step(bytes, at, end, offset);
      if (next === INCOMPLETE) return last ? this.#cut(offset + end) : done;
      done = next;
    }
  }

  #atEnd(at: number, end: number, offset: number, last: boolean): number {
    if (this.#state !== "after") return last ? this.#cut(offset + end) : at;
    if (at < end) throw new JsonSyntaxError(`text after the closing '${String.fromCharCode(this.#close)}'`, at);
    return at;
  }

  #cut(offset: number): never {
    throw new StoreSyntaxError(`the file ends too early: it was cut inside the ${this.#map ? "map" : "array"}`, offset);
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
    let from = at;
    if (this.#state === "next") {
      if (bytes[at] !== COMMA) {
        throw new JsonSyntaxError(`',' or '${String.fromCharCode(this.#close)}' is missing`, at);
      }
      from = skipSpace(bytes, at + 1, end);
    }
    const next = from >= end ? INCOMPLETE : this.#element(bytes, from, end, offset);
    if (next !== INCOMPLETE) this.#state = "next";
    return next;
  }

  #element(bytes: Buffer, from: number, end: number, offset: number): number {
    let at = from;
    if (this.#map) {
      if (bytes[at] !== QUOTE) throw new JsonSyntaxError("a key in double quotes is missing", at);
      const keyEnd = skipString(bytes, at + 1, end);
      if (keyEnd === INCOMPLETE) return INCOMPLETE;
      at = skipColon(bytes, keyEnd, end);
      if (at === INCOMPLETE) return INCOMPLETE;
      if (bytes[at] === QUOTE) this.#refuseLoneRecord(bytes, from, keyEnd);
    }
    const next = scanElement(bytes, at, end, this.#spans);
    if (next !== INCOMPLETE) this.#onElement(bytes, at, next, offset + at, this.#spans);
    return next;
  }

  /** A record over several lines looks like a map whose values are its fields. */
  #refuseLoneRecord(bytes: Buffer, keyFrom: number, keyEnd: number): void {
    const key = decodeString(bytes, keyFrom, keyEnd);
    if (key === "user_id") this.#recordFields |= 1;
    if (key === "task_id") this.#recordFields |= 2;
    if (this.#recordFields === 3) {
      throw new JsonSyntaxError("one record by itself, over several lines: neither a map nor JSON Lines", keyFrom);
    }
  }
}

function scanElement(bytes: Buffer, from: number, end: number, spans: Spans): number {
  if (bytes[from] === OPEN_BRACE) return scanRecord(bytes, from, end, spans);
  spans.clear();
  return skipValue(bytes, from, end);
}

/** JSON Lines: one value a line; blank lines are passed over. */
class LineScan {
  readonly #onElement: OnElement;
  readonly #spans = new Spans();
  #lines = 0;
  readonly open = 0;
  readonly close = 0;
  unfinished: number | null = null;

  constructor(onElement: OnElement) {
    this.#onElement = onElement;
  }

  consume(bytes: Buffer, from: number, end: number, offset: number, last: boolean): number {
    let at = from;
    for (;;) {
      const newline = bytes.indexOf(0x0a, at);
      if (newline < 0 || newline >= end) break;
      this.#line(bytes, at, newline + 1, offset);
      at = newline + 1;
    }
    if (last && at < end) this.#lastLine(bytes, at, end, offset);
    return at;
  }

  /** @param end after the newline, which ends a number and cannot stand inside a string */
  #line(bytes: Buffer, from: number, end: number, offset: number): void {
    const start = skipSpace(bytes, from, end);
    if (start === end) return;
    const valueEnd = scanElement(bytes, start, end, this.#spans);
    if (valueEnd === INCOMPLETE) throw new JsonSyntaxError("the line ends inside a record", end - 1);
    if (!isBlank(bytes, valueEnd, end))
      throw new JsonSyntaxError("text after the record", skipSpace(bytes, valueEnd, end));
    this.#lines++;
    this.#onElement(bytes, start, valueEnd, offset + start, this.#spans);
  }

  /** A last line without a newline: a record, or an append that was never finished. */
  #lastLine(bytes: Buffer, from: number, end: number, offset: number): void {
    bytes[end] = 0x0a;
    try {
      const text = bytes.subarray(from, end);
      if (!isUtf8(text)) throw new JsonSyntaxError("not valid UTF-8", from + firstBadByte(text, text.length));
      this.#line(bytes, from, end + 1, offset);
      return;
    } catch (error) {
      if (this.#lines === 0 || !(error instanceof JsonSyntaxError)) throw error;
    }
    this.unfinished = offset + from;
  }
}

/** Which of the three shapes a file has, by its content. */
async function recogniseShape(handle: FileHandle): Promise<Shape> {
  const { byte, offset } = await firstByte(handle, 0);
  if (byte === undefined) throw new StoreSyntaxError("the file is empty", offset);
  if (byte === OPEN_BRACKET) return "array";
  if (byte === OPEN_BRACE) return (await isJsonLines(handle, offset)) ? "jsonl" : "map";
  if (byte === 0xef)
    throw new StoreSyntaxError("the file begins with a byte-order mark, which Python's json refuses", offset);
  throw new StoreSyntaxError("neither an array nor an object", offset);
}

/** The first byte that is not white space, from `start` on. */
async function firstByte(handle: FileHandle, start: number): Promise<{ byte?: number; offset: number; lines: number }> {
  let found: { byte?: number; offset: number; lines: number } = { offset: start, lines: 0 };
  await feed(handle, start, (bytes, from, end, offset) => {
    const at = skipSpace(bytes, from, end);
    for (let i = from; i < at; i++) if (bytes[i] === 0x0a) found.lines++;
    if (at >= end) {
      found = { offset: offset + end, lines: found.lines };
      return end;
    }
    found = { byte: bytes[at]!, offset: offset + at, lines: found.lines };
    return STOP;
  });
  return found;
}

/**
 * Whether the objects from `start` on are lines. The first with string ids says yes; lines before it may be objects
 * without ids, which are invalid records. An object over several lines says no.
 */
async function isJsonLines(handle: FileHandle, start: number): Promise<boolean> {
  for (let offset = start; ; ) {
    const object = await lookAtObject(handle, offset);
    if (object.hasIds) return true;
    if (object.end === null) return false;
    const next = await firstByte(handle, object.end);
    if (next.byte !== OPEN_BRACE || next.lines === 0) return false;
    offset = next.offset;
  }
}

/** Scans one object on one line, entry by entry, as far as its ids; `end` is null where it does not end on its line. */
async function lookAtObject(handle: FileHandle, start: number): Promise<{ hasIds: boolean; end: number | null }> {
  let ids = 0;
  let end: number | null = null;
  const scan = new EntryScan((key) => {
    if (key === "user_id") ids |= 1;
    if (key === "task_id") ids |= 2;
  });
  try {
    await feed(handle, start, (bytes, from, to, offset, last) => {
      const used = scan.consume(bytes, from, to);
      if (scan.ended) end = offset + used;
      return scan.ended || scan.brokeLine || last || ids === 3 ? STOP : used;
    });
  } catch (error) {
    if (!(error instanceof StoreSyntaxError)) throw error; // the real scan will say what is wrong
  }
  return { hasIds: ids === 3, end };
}

/** The top-level entries of one object, with the keys of those whose value is a string; stops at a line break. */
class EntryScan {
  readonly #onString: (key: string) => void;
  #state: "before" | "first" | "next" = "before";
  ended = false;
  brokeLine = false;

  constructor(onString: (key: string) => void) {
    this.#onString = onString;
  }

  consume(bytes: Buffer, from: number, end: number): number {
    let done = from;
    while (!this.ended && !this.brokeLine) {
      const next = this.#step(bytes, done, end);
      if (next === INCOMPLETE) break;
      done = next;
    }
    return done;
  }

  #step(bytes: Buffer, from: number, end: number): number {
    const at = this.#skip(bytes, from, end);
    if (at >= end) return INCOMPLETE;
    if (this.#state === "before") {
      this.#state = "first";
      return at + 1;
    }
    if (bytes[at] === CLOSE_BRACE) {
      this.ended = true;
      return at + 1;
    }
    let keyFrom = at;
    if (this.#state === "next") {
      if (bytes[at] !== COMMA) throw new JsonSyntaxError("',' or '}' is missing", at);
      keyFrom = this.#skip(bytes, at + 1, end);
    }
    if (keyFrom >= end) return INCOMPLETE;
    return this.#entry(bytes, keyFrom, end);
  }

  #entry(bytes: Buffer, keyFrom: number, end: number): number {
    if (bytes[keyFrom] !== QUOTE) throw new JsonSyntaxError("a key in double quotes is missing", keyFrom);
    const keyEnd = skipString(bytes, keyFrom + 1, end);
    const valueFrom = keyEnd === INCOMPLETE ? INCOMPLETE : skipColon(bytes, keyEnd, end);
    const valueEnd = valueFrom === INCOMPLETE ? INCOMPLETE : skipValue(bytes, valueFrom, end);
    if (valueEnd === INCOMPLETE) return INCOMPLETE;
    if (bytes[valueFrom] === QUOTE) this.#onString(decodeString(bytes, keyFrom, keyEnd));
    this.#state = "next";
    return valueEnd;
  }

  #skip(bytes: Buffer, from: number, end: number): number {
    const at = skipSpace(bytes, from, end);
    for (let i = from; i < at; i++) if (bytes[i] === 0x0a) this.brokeLine = true;
    return at;
  }
}
