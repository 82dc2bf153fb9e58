import {
  BACKSLASH,
  CLOSE_BRACE,
  COMMA,
  INCOMPLETE,
  JsonSyntaxError,
  QUOTE,
  skipColon,
  skipSpace,
  skipString,
  skipValue,
} from "./scan.ts";
import { decodeString, hasByte } from "./text.ts";

/** The fields of a record that ttsctl knows; the others pass through. */
export const FIELDS = ["user_id", "task_id", "status", "error", "created_at", "updated_at", "deleted"] as const;
export type Field = (typeof FIELDS)[number];

const FIELD_NUMBER = new Map<string, number>(FIELDS.map((name, index) => [name, index]));
/** By the length of the name, for most keys of a record are none of them. */
const FIELDS_OF_LENGTH = Array.from({ length: 1 + Math.max(...FIELDS.map(({ length }) => length)) }, (_, length) =>
  FIELDS.flatMap((name, field) => (name.length === length ? [{ field, bytes: Buffer.from(name) }] : [])),
);

/** Where the values of the known fields of one object stand; reused from record to record. */
export class Spans {
  readonly #from = new Int32Array(FIELDS.length);
  readonly #end = new Int32Array(FIELDS.length);

  clear(): void {
    this.#end.fill(0);
  }

  set(field: number, from: number, end: number): void {
    this.#from[field] = from;
    this.#end[field] = end;
  }

  has(field: number): boolean {
    return this.#end[field] !== 0;
  }

  from(field: number): number {
    return this.#from[field]!;
  }

  end(field: number): number {
    return this.#end[field]!;
  }
}

/** Called for each field at the top level of an object: positions of the key (with quotes) and of the value. */
type OnField = (keyFrom: number, keyEnd: number, valueFrom: number, valueEnd: number) => void;

/**
 * Scans the object whose `{` is at `from`. Returns the position after its `}`, or INCOMPLETE.
 * @throws JsonSyntaxError
 */
export function scanFields(bytes: Uint8Array, from: number, end: number, onField: OnField): number {
  let at = skipSpace(bytes, from + 1, end);
  if (at >= end) return INCOMPLETE;
  if (bytes[at] === CLOSE_BRACE) return at + 1;
  for (;;) {
    if (bytes[at] !== QUOTE) throw new JsonSyntaxError("a key in double quotes is missing", at);
    const keyFrom = at;
    const keyEnd = skipString(bytes, at + 1, end);
    if (keyEnd === INCOMPLETE) return INCOMPLETE;
    const valueFrom = skipColon(bytes, keyEnd, end);
    if (valueFrom === INCOMPLETE) return INCOMPLETE;
    const valueEnd = skipValue(bytes, valueFrom, end);
    if (valueEnd === INCOMPLETE) return INCOMPLETE;
    onField(keyFrom, keyEnd, valueFrom, valueEnd);
    at = skipSpace(bytes, valueEnd, end);
    if (at >= end) return INCOMPLETE;
    if (bytes[at] === CLOSE_BRACE) return at + 1;
    if (bytes[at] !== COMMA) throw new JsonSyntaxError("',' or '}' is missing", at);
    at = skipSpace(bytes, at + 1, end);
    if (at >= end) return INCOMPLETE;
  }
}

/** Scans an object and notes where its known fields stand. Of a repeated field the last counts, as for `JSON.parse`. */
export function scanRecord(bytes: Uint8Array, from: number, end: number, spans: Spans): number {
  spans.clear();
  return scanFields(bytes, from, end, (keyFrom, keyEnd, valueFrom, valueEnd) => {
    const field = fieldAt(bytes, keyFrom, keyEnd);
    if (field >= 0) spans.set(field, valueFrom, valueEnd);
  });
}

function fieldAt(bytes: Uint8Array, keyFrom: number, keyEnd: number): number {
  const length = keyEnd - keyFrom - 2;
  if (length < FIELDS_OF_LENGTH.length) {
    for (const known of FIELDS_OF_LENGTH[length]!) {
      if (equalsAt(bytes, keyFrom + 1, keyEnd - 1, known.bytes)) return known.field;
    }
  }
  if (!hasByte(bytes, BACKSLASH, keyFrom, keyEnd)) return -1;
  return FIELD_NUMBER.get(decodeString(bytes, keyFrom, keyEnd)) ?? -1;
}

/** Whether `bytes[from, end)` are those of a word. */
export function equalsAt(bytes: Uint8Array, from: number, end: number, word: Uint8Array): boolean {
  if (end - from !== word.length) return false;
  for (let i = 0; i < word.length; i++) if (bytes[from + i] !== word[i]) return false;
  return true;
}

/**
 * Compact object text with fields set: a field that is there keeps its place, a new one comes last.
 * @param changes field name to JSON text
 */
export function setFields(json: string, changes: ReadonlyMap<string, string>): string {
  if (changes.size === 0) return json;
  const bytes = Buffer.from(json);
  const left = new Map(changes);
  const names = [...changes.keys()].map((name) => ({ name, bytes: Buffer.from(name) }));
  let text = "";
  let copied = 0;
  let last = 0;
  scanFields(bytes, 0, bytes.length, (keyFrom, keyEnd, valueFrom, valueEnd) => {
    last = valueEnd;
    const name = nameAt(bytes, keyFrom, keyEnd, names);
    if (name === undefined) return;
    left.delete(name);
    text += bytes.toString("utf8", copied, valueFrom) + changes.get(name);
    copied = valueEnd;
  });
  if (left.size === 0) return text + bytes.toString("utf8", copied);
  const added = [...left].map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(",");
  return last === 0 ? `{${added}}` : `${text}${bytes.toString("utf8", copied, last)},${added}}`;
}

/**
 * The same for strings in fields that the object is known to have, most often with that very value: searched for, not
 * scanned, where that cannot go wrong.
 */
export function replaceStrings(json: string, changes: ReadonlyMap<string, string>): string {
  if (json.includes("\\u")) return setFields(json, changes); // a key may be written otherwise
  let text = json;
  for (const [name, value] of changes) {
    const from = onlyString(text, name);
    if (from < 0) return setFields(json, changes);
    if (text.startsWith(value, from)) continue;
    const end = text.indexOf('"', from + 1);
    if (text.lastIndexOf("\\", end) > from) return setFields(json, changes);
    text = text.slice(0, from) + value + text.slice(end + 1);
  }
  return text;
}

/** Where the string begins that is the value of the one key of this name, on whatever level; -1 where a scan must tell. */
function onlyString(compact: string, name: string): number {
  const key = `"${name}":`;
  const at = compact.indexOf(key);
  const from = at + key.length;
  if (at < 0 || compact[from] !== '"' || compact.includes(key, from)) return -1;
  return compact[at - 1] === "\\" ? -1 : from; // there the key is longer
}

/** Which of some names a key is. */
function nameAt(
  bytes: Uint8Array,
  keyFrom: number,
  keyEnd: number,
  names: readonly { name: string; bytes: Uint8Array }[],
): string | undefined {
  for (const known of names) if (equalsAt(bytes, keyFrom + 1, keyEnd - 1, known.bytes)) return known.name;
  if (!hasByte(bytes, BACKSLASH, keyFrom, keyEnd)) return undefined;
  const decoded = decodeString(bytes, keyFrom, keyEnd);
  return names.find(({ name }) => name === decoded)?.name;
}

/** The JSON text of one field of a compact object; undefined where it has none. Of a repeated field the last counts. */
export function fieldJson(json: string, field: string): string | undefined {
  const bytes = Buffer.from(json);
  let found: string | undefined;
  scanFields(bytes, 0, bytes.length, (keyFrom, keyEnd, valueFrom, valueEnd) => {
    if (decodeString(bytes, keyFrom, keyEnd) === field) found = bytes.toString("utf8", valueFrom, valueEnd);
  });
  return found;
}
