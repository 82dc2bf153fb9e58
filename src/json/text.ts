import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  isDigit,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  skipSpace,
  skipString,
} from "./scan.ts";

const SPACE = 0x20;

/** A view of bytes with Node's fast slice-to-string methods; nothing is copied. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The value of the valid JSON string in `bytes[from, end)`, quotes included. */
export function decodeString(bytes: Uint8Array, from: number, end: number): string {
  const buffer = asBuffer(bytes);
  if (hasByte(bytes, BACKSLASH, from, end)) return JSON.parse(buffer.toString("utf8", from, end));
  return buffer.toString("utf8", from + 1, end - 1);
}

export function hasByte(bytes: Uint8Array, byte: number, from: number, end: number): boolean {
  for (let at = from; at < end; at++) if (bytes[at] === byte) return true;
  return false;
}

/** Valid JSON without the white space between its tokens; strings and numbers keep their text. */
export function compactJson(bytes: Uint8Array, from: number, end: number): string {
  const out = end - from <= scratch.length ? scratch : Buffer.allocUnsafe(end - from);
  let length = 0;
  for (let at = from; at < end; ) {
    let byte = bytes[at++]!;
    if (byte <= SPACE) continue;
    out[length++] = byte;
    if (byte !== QUOTE) continue;
    do {
      byte = bytes[at++]!;
      out[length++] = byte;
      if (byte === BACKSLASH) out[length++] = bytes[at++]!;
    } while (byte !== QUOTE);
  }
  return out.toString("utf8", 0, length);
}

/** Large enough for nearly all records. */
const scratch = Buffer.allocUnsafeSlow(1 << 16);

/** A layout of Python's `json.dump`; an indent of null is one line. */
export interface JsonLayout {
  indent: string | null;
  itemSeparator: string;
  keySeparator: string;
}

/** Compact JSON in a layout of `json.dump`, `level` levels deep. */
export function layOutJson(compact: string, layout: JsonLayout, level: number): string {
  const bytes = Buffer.from(compact);
  const parts: string[] = [];
  let depth = level;
  const newLine = () => (layout.indent === null ? "" : `\n${layout.indent.repeat(depth)}`);
  for (let at = 0; at < bytes.length; ) {
    const char = String.fromCharCode(bytes[at]!);
    let next = at + 1;
    if (char === '"') {
      next = skipString(bytes, next, bytes.length);
      parts.push(bytes.toString("utf8", at, next));
    } else if (char === "{" || char === "[") {
      const closes = bytes[next] === bytes[at]! + 2;
      if (closes) next++;
      else depth++;
      parts.push(closes ? `${char}${String.fromCharCode(bytes[at]! + 2)}` : char + newLine());
    } else if (char === "}" || char === "]") {
      depth--;
      parts.push(newLine() + char);
    } else if (char === ",") parts.push(layout.itemSeparator + newLine());
    else parts.push(char === ":" ? layout.keySeparator : char);
    at = next;
  }
  return parts.join("");
}

/** Whether `bytes[from, end)` is nothing but JSON white space. */
export function isBlank(bytes: Uint8Array, from: number, end: number): boolean {
  return skipSpace(bytes, from, end) === end;
}

/** Python's `int()` refuses longer texts, and so `json.load` the file that has such a number. */
const MOST_DIGITS = 4300;
/**
 * Python 3.11 reads and writes 991 levels from the top of a program, 3.13 reads 9,998. A service is some calls deep, and
 * a file adds a level.
 */
const DEEPEST = 500;
/** Shorter texts exceed neither limit. */
const SHORTEST = 2 * DEEPEST;

/**
 * Why Python's `json` cannot read one valid JSON value in `bytes[from, end)`; undefined if it can. One such record would
 * keep the service from its whole store.
 */
export function whyNotPython(bytes: Uint8Array, from: number, end: number): string | undefined {
  if (end - from < SHORTEST) return undefined;
  let depth = 0;
  for (let at = from; at < end; ) {
    const byte = bytes[at]!;
    if (byte === QUOTE) at = skipString(bytes, at + 1, end);
    else if (isDigit(byte)) {
      const stop = endOfDigits(bytes, at, end);
      const isInteger = !isInNumber(bytes[stop]);
      if (isInteger && stop - at > MOST_DIGITS) return `an integer of more than ${MOST_DIGITS} digits`;
      for (at = stop; at < end && isInNumber(bytes[at]); ) at++;
    } else {
      if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++;
      else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth--;
      if (depth > DEEPEST) return `more than ${DEEPEST} levels of nesting`;
      at++;
    }
  }
  return undefined;
}

function endOfDigits(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && isDigit(bytes[at]!)) at++;
  return at;
}

function isInNumber(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  return isDigit(byte) || byte === 0x2e || (byte | 0x20) === 0x65 || byte === 0x2b || byte === 0x2d; // . e + -
}
