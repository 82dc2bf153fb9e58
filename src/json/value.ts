import {
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  skipSpace,
  skipString,
} from "./scan.ts";

/**
 * A number whose text a double cannot give back (`1.0`, twenty digits, `1e5`). Everything that shows a record
 * shows the text.
 */
export class NumberText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

export type JsonValue = null | boolean | number | string | NumberText | JsonValue[] | Map<string, JsonValue>;

/**
 * The value of valid JSON text, with every number's text kept and objects as maps (so `__proto__` is a key like any).
 * Iterative, since a hostile record may nest deeper than the stack.
 */
export function parseJsonValue(text: string): JsonValue {
  const bytes = Buffer.from(text);
  const open: { value: JsonValue[] | Map<string, JsonValue>; key: string | undefined }[] = [];
  let result: JsonValue = null;
  const put = (value: JsonValue) => {
    const parent = open.at(-1);
    if (parent === undefined) result = value;
    else if (Array.isArray(parent.value)) parent.value.push(value);
    else {
      parent.value.set(parent.key!, value);
      parent.key = undefined;
    }
  };
  for (let at = skipSpace(bytes, 0, bytes.length); at < bytes.length; at = skipSpace(bytes, at, bytes.length)) {
    const byte = bytes[at]!;
    const parent = open.at(-1);
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      const value = byte === OPEN_BRACE ? new Map<string, JsonValue>() : [];
      put(value);
      open.push({ value, key: undefined });
      at++;
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      open.pop();
      at++;
    } else if (byte === COMMA || byte === COLON) at++;
    else {
      const end = scalarEnd(bytes, at);
      const token = bytes.toString("utf8", at, end);
      if (parent?.value instanceof Map && parent.key === undefined) parent.key = JSON.parse(token) as string;
      else put(scalar(token));
      at = end;
    }
  }
  return result;
}

/** The end of a valid scalar; a number is whole at the end of the text too. */
function scalarEnd(bytes: Buffer, from: number): number {
  if (bytes[from] === QUOTE) return skipString(bytes, from + 1, bytes.length);
  let at = from + 1;
  while (at < bytes.length && /[\w.+-]/.test(String.fromCharCode(bytes[at]!))) at++;
  return at;
}

function scalar(token: string): JsonValue {
  if (token === "null") return null;
  if (token === "true" || token === "false") return token === "true";
  if (token.startsWith('"')) return JSON.parse(token) as string;
  return String(Number(token)) === token ? Number(token) : new NumberText(token);
}

/** A value as compact JSON text again, numbers as they were. Iterative, as the reading is. */
export function jsonOf(value: JsonValue): string {
  const parts: string[] = [];
  const due = [value]; // what is still to be written, the next last
  while (due.length > 0) {
    const next = due.pop()!;
    if (next instanceof NumberText) parts.push(next.text);
    else if (!Array.isArray(next) && !(next instanceof Map)) parts.push(JSON.stringify(next));
    else for (const piece of piecesOf(next).reverse()) due.push(piece);
  }
  return parts.join("");
}

/** An array or object taken apart; what stands between its items is text to be written as it is. */
function piecesOf(value: JsonValue[] | Map<string, JsonValue>): JsonValue[] {
  const comma = (i: number) => (i === 0 ? "" : ",");
  if (Array.isArray(value)) {
    const items = value.flatMap((item, i) => [new NumberText(comma(i)), item]);
    return [new NumberText("["), ...items, new NumberText("]")];
  }
  const fields = [...value].flatMap(([key, item], i) => [new NumberText(`${comma(i)}${JSON.stringify(key)}:`), item]);
  return [new NumberText("{"), ...fields, new NumberText("}")];
}

/** Two values that must be the same; undefined where one is missing. */
type Pair = readonly [JsonValue, JsonValue | undefined];

/** Whether two numbers are the same: in every letter, or as Python's `json` has them, which writes `1e5` as `100000.0`. */
type SameNumber = (a: string, b: string) => boolean;

const asWritten: SameNumber = (a, b) => a === b;
export const byValue: SameNumber = (a, b) => Number(a) === Number(b);

/** Whether two JSON texts hold the same value; the order of keys and the spelling of strings do not matter. */
export function sameJson(a: string, b: string, sameNumber: SameNumber = asWritten): boolean {
  if (a === b) return true;
  const due: Pair[] = [[parseJsonValue(a), parseJsonValue(b)]];
  while (due.length > 0) {
    const inside = sameOutside(...due.pop()!, sameNumber);
    if (inside === null) return false;
    for (const pair of inside) due.push(pair);
  }
  return true;
}

/** What must be the same inside two values that are so outside, or null. */
function sameOutside(a: JsonValue, b: JsonValue | undefined, sameNumber: SameNumber): Pair[] | null {
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length ? a.map((item, i): Pair => [item, b[i]]) : null;
  }
  if (a instanceof Map) {
    return b instanceof Map && a.size === b.size ? [...a].map(([key, item]): Pair => [item, b.get(key)]) : null;
  }
  const same = isNumber(a) ? isNumber(b) && sameNumber(String(a), String(b)) : a === b;
  return same ? [] : null;
}

function isNumber(value: JsonValue | undefined): value is number | NumberText {
  return typeof value === "number" || value instanceof NumberText;
}

/** A 32-bit hash (FNV-1a), which tells apart texts that would take too much memory to keep. */
export function fingerprint(text: string): number {
  let print = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) print = Math.imul(print ^ text.charCodeAt(i), 0x01000193);
  return print;
}
