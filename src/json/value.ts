import { CLOSE_BRACE, CLOSE_BRACKET, COLON, COMMA, OPEN_BRACE, OPEN_BRACKET, skipSpace, skipValue } from "./scan.ts";

/** A number whose text a double can't give back (`1.0`, twenty digits, `1e5`). Output shows the text. */
export class NumberText {
  constructor(readonly text: string) {}
  toString(): string {
    return this.text;
  }
}

export type JsonValue = null | boolean | number | string | NumberText | JsonValue[] | Map<string, JsonValue>;

/** The value of valid JSON text, objects as maps (`__proto__` is a key like any). Iterative: a hostile record may nest too deep for the stack. */
export function parseJsonValue(text: string, numberText = (token: string) => token): JsonValue {
  const bytes = Buffer.from(`${text}\n`); // a number is known as whole only by what follows it
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
      const end = skipValue(bytes, at, bytes.length);
      const token = bytes.toString("utf8", at, end);
      if (parent?.value instanceof Map && parent.key === undefined) parent.key = JSON.parse(token) as string;
      else put(scalar(token, numberText));
      at = end;
    }
  }
  return result;
}

function scalar(token: string, numberText: (token: string) => string): JsonValue {
  if (token === "null") return null;
  if (token === "true" || token === "false") return token === "true";
  if (token.startsWith('"')) return JSON.parse(token) as string;
  const text = numberText(token);
  return String(Number(text)) === text ? Number(text) : new NumberText(text);
}

/** The value of JSON text; undefined for other text. */
export function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A value as compact JSON text, with the text of numbers kept. Iterative, like `parseJsonValue`. */
export function jsonOf(value: JsonValue, sorted = false): string {
  const parts: string[] = [];
  const due = [value]; // a stack
  while (due.length > 0) {
    const next = due.pop()!;
    if (next instanceof NumberText || typeof next === "number") parts.push(String(next));
    else if (!Array.isArray(next) && !(next instanceof Map)) parts.push(JSON.stringify(next));
    else for (const piece of piecesOf(next, sorted).reverse()) due.push(piece);
  }
  return parts.join("");
}

/** The items of an array or object, and the text between them. */
function piecesOf(value: JsonValue[] | Map<string, JsonValue>, sorted: boolean): JsonValue[] {
  const comma = (i: number) => (i === 0 ? "" : ",");
  if (Array.isArray(value)) {
    const items = value.flatMap((item, i) => [new NumberText(comma(i)), item]);
    return [new NumberText("["), ...items, new NumberText("]")];
  }
  const fields = sorted ? [...value].sort(([a], [b]) => (a < b ? -1 : 1)) : [...value];
  const items = fields.flatMap(([key, item], i) => [new NumberText(`${comma(i)}${JSON.stringify(key)}:`), item]);
  return [new NumberText("{"), ...items, new NumberText("}")];
}

/** The text by which numbers compare: Python's `json` writes `1e5` as `100000.0`. */
export const byValue = (number: string) => String(Number(number));

/** Whether two JSON texts hold the same value, whatever the order of keys and the spelling of strings. */
export function sameJson(a: string, b: string, numberText?: (token: string) => string): boolean {
  const canonical = (text: string) => jsonOf(parseJsonValue(text, numberText), true);
  return a === b || canonical(a) === canonical(b);
}

/** A 32-bit hash (FNV-1a), for comparing texts that would take too much memory to keep. */
export function fingerprint(text: string): number {
  let print = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) print = Math.imul(print ^ text.charCodeAt(i), 0x01000193);
  return print;
}
