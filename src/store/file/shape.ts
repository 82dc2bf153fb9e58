import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { closeQuietly } from "../../errors.ts";
import {
  CLOSE_BRACE,
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
import { decodeString } from "../../json/text.ts";
import { feed, STOP, StoreSyntaxError } from "./feed.ts";

/** The three shapes of a store file (SPEC section 2). */
export type Shape = "array" | "map" | "jsonl";

/** Which of the three shapes a file has, by its content. */
export async function recogniseShape(handle: FileHandle): Promise<Shape> {
  const { byte, offset } = await firstByte(handle, 0);
  if (byte === undefined) throw new StoreSyntaxError("the file is empty", offset);
  if (byte === OPEN_BRACKET) return "array";
  if (byte === OPEN_BRACE) return (await isJsonLines(handle, offset)) ? "jsonl" : "map";
  if (await beginsWithMark(handle, offset))
    throw new StoreSyntaxError("the file begins with a byte-order mark, which Python's json refuses", offset);
  throw new StoreSyntaxError("neither an array nor an object", offset);
}

/** The shape of what a path names, by its first record; null where that has none, or there is no file. */
export async function shapeAt(path: string): Promise<Shape | null> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => null);
  try {
    return handle === null ? null : await recogniseShape(handle);
  } catch {
    return null; // whoever reads it whole will say what is wrong
  } finally {
    await closeQuietly(handle);
  }
}

const BYTE_ORDER_MARK = Buffer.from("\ufeff");

async function beginsWithMark(handle: FileHandle, offset: number): Promise<boolean> {
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(3), 0, 3, offset);
  return buffer.subarray(0, bytesRead).equals(BYTE_ORDER_MARK);
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
    if (at >= end || this.brokeLine) return INCOMPLETE;
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
    if (keyFrom >= end || this.brokeLine) return INCOMPLETE;
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
