import { CLOSE_BRACE, CLOSE_BRACKET, isDigit, OPEN_BRACE, OPEN_BRACKET, QUOTE, skipString } from "./scan.ts";

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
