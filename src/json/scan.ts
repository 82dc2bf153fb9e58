/** A strict JSON scanner: finds the ends of values without building them, and takes what `JSON.parse` takes, given valid UTF-8. */

/** The bytes at `position` (an index into the scanned bytes) are not JSON. */
export class JsonSyntaxError extends Error {
  override readonly name = "JsonSyntaxError";

  constructor(
    what: string,
    readonly position: number,
  ) {
    super(what);
  }
}

/** The bytes ended at `end`, before the value did: read more and scan again from its start. */
export class JsonIncomplete extends JsonSyntaxError {
  constructor(end: number) {
    super("the JSON ends too early", end - 1);
  }
}

export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const OPEN_BRACKET = 0x5b;
export const CLOSE_BRACKET = 0x5d;
export const OPEN_BRACE = 0x7b;
export const CLOSE_BRACE = 0x7d;

/** The position of the next byte that is not JSON white space, or `end`. */
export function skipSpace(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end) {
    const byte = bytes[at]!;
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
    at++;
  }
  return at;
}

/** By byte: whether a string continues after it. A table, because most bytes of a file are in strings. */
const GOES_ON = Uint8Array.from({ length: 256 }, (_, byte) =>
  Number(byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH),
);

/** @param from just after the opening quote. Returns the position after the closing one. */
export function skipString(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end) {
    const byte = bytes[at++]!;
    if (GOES_ON[byte] === 1) continue;
    if (byte === QUOTE) return at;
    if (byte !== BACKSLASH) throw new JsonSyntaxError("a control character inside a string", at - 1);
    at = skipEscape(bytes, at, end);
  }
  throw new JsonIncomplete(end);
}

const ESCAPES = new Set(Buffer.from('"\\/bfnrt'));
const HEX_DIGITS = new Set(Buffer.from("0123456789abcdefABCDEF"));

function skipEscape(bytes: Uint8Array, from: number, end: number): number {
  if (from >= end) throw new JsonIncomplete(end);
  const byte = bytes[from]!;
  if (byte !== 0x75 /* u */) {
    if (ESCAPES.has(byte)) return from + 1;
    throw new JsonSyntaxError("a wrong escape inside a string", from);
  }
  for (let at = from + 1; at < from + 5; at++) {
    if (at >= end) throw new JsonIncomplete(end);
    if (!HEX_DIGITS.has(bytes[at]!)) throw new JsonSyntaxError("a wrong \\u escape inside a string", at);
  }
  return from + 5;
}

export function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function skipNumber(bytes: Uint8Array, from: number, end: number): number {
  let at = bytes[from] === 0x2d ? from + 1 : from;
  at = at < end && bytes[at] === 0x30 ? within(at + 1, end) : skipDigits(bytes, at, end);
  if (bytes[at] === 0x2e) at = skipDigits(bytes, at + 1, end);
  if ((bytes[at]! | 0x20) === 0x65) {
    at++;
    if (bytes[at] === 0x2b || bytes[at] === 0x2d) at++;
    at = skipDigits(bytes, at, end);
  }
  return at;
}

/** A number needs a byte after it to be known as whole. */
function skipDigits(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && isDigit(bytes[at]!)) at++;
  if (at === from && at < end) throw new JsonSyntaxError("a digit is missing in a number", at);
  return within(at, end);
}

/** @throws JsonIncomplete if there is no byte at the position */
function within(at: number, end: number): number {
  if (at >= end) throw new JsonIncomplete(end);
  return at;
}

const [TRUE, FALSE, NULL] = ["true", "false", "null"].map((word) => Buffer.from(word)) as [Buffer, Buffer, Buffer];

/** @param from at the first byte of a string, number, true, false or null. */
function skipScalar(bytes: Uint8Array, from: number, end: number): number {
  const byte = bytes[from]!;
  if (byte === QUOTE) return skipString(bytes, from + 1, end);
  if (byte === 0x2d || isDigit(byte)) return skipNumber(bytes, from, end);
  const word = byte === 0x6e ? NULL : byte === 0x66 ? FALSE : TRUE;
  for (let i = 0; i < word.length; i++) {
    if (from + i >= end) throw new JsonIncomplete(end);
    if (bytes[from + i] !== word[i]) throw new JsonSyntaxError("not a JSON value", from);
  }
  return from + word.length;
}

/** The position after the value that starts at `from`. @throws JsonSyntaxError, JsonIncomplete */
export function skipValue(bytes: Uint8Array, from: number, end: number): number {
  const byte = bytes[within(from, end)]!;
  if (byte === QUOTE) return skipString(bytes, from + 1, end); // most values are strings
  return byte === OPEN_BRACE || byte === OPEN_BRACKET ? skipContainer(bytes, from, end) : skipScalar(bytes, from, end);
}

/** Iterative, since a hostile file may nest deeper than the stack: `open` holds the closing byte of each level. */
function skipContainer(bytes: Uint8Array, from: number, end: number): number {
  const open: number[] = [];
  let at = from;
  for (;;) {
    // A value begins here.
    const byte = bytes[at]!;
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      const close = byte + 2; // ']' and '}' come two after '[' and '{'
      at = toToken(bytes, at + 1, end);
      if (bytes[at] !== close) {
        open.push(close);
        if (close === CLOSE_BRACE) at = skipKey(bytes, at, end);
        continue;
      }
      at++;
    } else at = skipScalar(bytes, at, end);
    // A value has ended: close levels up to the next comma.
    for (;;) {
      if (open.length === 0) return at;
      at = toToken(bytes, at, end);
      const close = open[open.length - 1]!;
      if (bytes[at] === COMMA) {
        at = toToken(bytes, at + 1, end);
        if (close === CLOSE_BRACE) at = skipKey(bytes, at, end);
        break;
      }
      if (bytes[at] !== close) throw new JsonSyntaxError(`',' or '${String.fromCharCode(close)}' is missing`, at);
      open.pop();
      at++;
    }
  }
}

/** From the opening quote of a key to the first byte of its value. */
export function skipKey(bytes: Uint8Array, from: number, end: number): number {
  if (bytes[from] !== QUOTE) throw new JsonSyntaxError("a key in double quotes is missing", from);
  return skipColon(bytes, skipString(bytes, from + 1, end), end);
}

/** From the end of a key to the first byte of its value. */
export function skipColon(bytes: Uint8Array, from: number, end: number): number {
  const at = toToken(bytes, from, end);
  if (bytes[at] !== COLON) throw new JsonSyntaxError("':' is missing after a key", at);
  return toToken(bytes, at + 1, end);
}

/** The position of the next byte that is not white space. @throws JsonIncomplete without one */
export function toToken(bytes: Uint8Array, from: number, end: number): number {
  return within(skipSpace(bytes, from, end), end);
}

/** The value of the valid JSON string in `bytes[from, end)`, quotes included. */
export function decodeString(bytes: Buffer, from: number, end: number): string {
  if (hasByte(bytes, BACKSLASH, from, end)) return JSON.parse(bytes.toString("utf8", from, end));
  return bytes.toString("utf8", from + 1, end - 1);
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
    if (byte <= 0x20) continue;
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

export function isBlank(bytes: Uint8Array, from: number, end: number): boolean {
  return skipSpace(bytes, from, end) === end;
}

/** Python's `int()` refuses longer texts, and so `json.load` the file that has such a number. */
const MOST_DIGITS = 4300;
/** Python 3.11 reads 991 levels from the top of a program. A service is some calls deep, and a file adds a level. */
const DEEPEST = 500;
/** Shorter texts exceed neither limit. */
const SHORTEST = 2 * DEEPEST;
const IN_NUMBER = new Set(Buffer.from("0123456789.eE+-"));

/** Why Python's `json` can't read a valid JSON value, and so the service its whole store; undefined if it can. */
export function whyNotPython(bytes: Uint8Array, from: number, end: number): string | undefined {
  if (end - from < SHORTEST) return undefined;
  let depth = 0;
  for (let at = from; at < end; ) {
    const byte = bytes[at]!;
    if (byte === QUOTE) at = skipString(bytes, at + 1, end);
    else if (isDigit(byte)) {
      const start = at;
      let isInteger = true;
      for (; at < end && IN_NUMBER.has(bytes[at]!); at++) isInteger &&= isDigit(bytes[at]!);
      if (isInteger && at - start > MOST_DIGITS) return `an integer of more than ${MOST_DIGITS} digits`;
    } else {
      if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++;
      else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth--;
      if (depth > DEEPEST) return `more than ${DEEPEST} levels of nesting`;
      at++;
    }
  }
  return undefined;
}
