import { FIELDS } from "./fields.ts";
import {
  BACKSLASH,
  CLOSE_BRACE,
  COMMA,
  decodeString,
  hasByte,
  JsonSyntaxError,
  QUOTE,
  skipColon,
  skipString,
  skipValue,
  toToken,
} from "./scan.ts";

const FIELD_BYTES = FIELDS.map((name) => Buffer.from(name));

/** How many fields of a record are guessed, and the longest text before a value. */
const [GUESSED, LONGEST] = [32, 64];

/** The places of one object's known fields, reused. Most records have one layout, so the text before each value of the last one is kept too. */
export class Spans {
  readonly #from = new Int32Array(FIELDS.length);
  readonly #end = new Int32Array(FIELDS.length);
  /** By place in the record: LONGEST bytes, how many of them count, and the field that they name, or -1. */
  readonly #before = new Uint8Array(GUESSED * LONGEST);
  readonly #lengths = new Uint8Array(GUESSED);
  readonly #fields = new Int8Array(GUESSED);

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

  /** The start of this place's value if the text at `from` equals the last record's; else -1. */
  guess(place: number, bytes: Uint8Array, from: number): number {
    const length = place < GUESSED ? this.#lengths[place]! : 0;
    if (length === 0) return -1;
    const before = this.#before;
    for (let i = 0, known = place * LONGEST; i < length; i++, known++) if (bytes[from + i] !== before[known]) return -1;
    return bytes[from + length]! > 0x20 ? from + length : -1; // there may be more space
  }

  fieldOf(place: number): number {
    return this.#fields[place]!;
  }

  /** Keeps `bytes[from, end)`, the text before the value of this place, for the next record. */
  learn(place: number, bytes: Uint8Array, from: number, end: number, field: number): void {
    if (place >= GUESSED) return;
    const length = end - from <= LONGEST ? end - from : 0;
    for (let i = 0; i < length; i++) this.#before[place * LONGEST + i] = bytes[from + i]!;
    this.#lengths[place] = length;
    this.#fields[place] = field;
  }
}

/** Called for each field at the top level of an object: positions of the key (with quotes) and of the value. */
type OnField = (keyFrom: number, keyEnd: number, valueFrom: number, valueEnd: number) => void;

/** Scans the object whose `{` is at `from`. Returns the position after its `}`. @throws JsonSyntaxError, JsonIncomplete */
export function scanFields(bytes: Uint8Array, from: number, end: number, onField: OnField): number {
  for (let at = from + 1; ; ) {
    const keyFrom = skipToKey(bytes, at, end, at === from + 1);
    if (bytes[keyFrom] === CLOSE_BRACE) return keyFrom + 1;
    const keyEnd = skipString(bytes, keyFrom + 1, end);
    const valueFrom = skipColon(bytes, keyEnd, end);
    at = skipValue(bytes, valueFrom, end);
    onField(keyFrom, keyEnd, valueFrom, at);
  }
}

/** From the `{` of an object (`isFirst`), or the end of a value in it, to the opening quote of the next key, or the `}`. */
function skipToKey(bytes: Uint8Array, from: number, end: number, isFirst: boolean): number {
  let at = toToken(bytes, from, end);
  if (bytes[at] === CLOSE_BRACE) return at;
  if (!isFirst) {
    if (bytes[at] !== COMMA) throw new JsonSyntaxError("',' or '}' is missing", at);
    at = toToken(bytes, at + 1, end);
  }
  if (bytes[at] !== QUOTE) throw new JsonSyntaxError("a key in double quotes is missing", at);
  return at;
}

/** Scans an object and notes the places of its known fields. The last of a repeated field counts, as in `JSON.parse`. */
export function scanRecord(bytes: Buffer, from: number, end: number, spans: Spans): number {
  spans.clear();
  let at = from + 1;
  for (let place = 0; ; place++) {
    let valueFrom = spans.guess(place, bytes, at);
    let field = valueFrom < 0 ? -1 : spans.fieldOf(place);
    if (valueFrom < 0) {
      const keyFrom = skipToKey(bytes, at, end, place === 0);
      if (bytes[keyFrom] === CLOSE_BRACE) return keyFrom + 1;
      const keyEnd = skipString(bytes, keyFrom + 1, end);
      valueFrom = skipColon(bytes, keyEnd, end);
      field = fieldAt(bytes, keyFrom, keyEnd);
      spans.learn(place, bytes, at, valueFrom, field);
    }
    at = skipValue(bytes, valueFrom, end);
    if (field >= 0) spans.set(field, valueFrom, at);
  }
}

/** The number of the field that a key, quotes included, names, or -1. */
function fieldAt(bytes: Buffer, keyFrom: number, keyEnd: number): number {
  if (hasByte(bytes, BACKSLASH, keyFrom, keyEnd)) {
    return (FIELDS as string[]).indexOf(decodeString(bytes, keyFrom, keyEnd));
  }
  return FIELD_BYTES.findIndex((name) => equalsAt(bytes, keyFrom + 1, keyEnd - 1, name));
}

export function equalsAt(bytes: Uint8Array, from: number, end: number, word: Uint8Array): boolean {
  if (end - from !== word.length) return false;
  for (let i = 0; i < word.length; i++) if (bytes[from + i] !== word[i]) return false;
  return true;
}

/** The fields of an object, in their order: name, key with its colon, and value, both as they are written. */
export function fieldsOf(json: string): { name: string; key: string; value: string }[] {
  const bytes = Buffer.from(json);
  const fields: ReturnType<typeof fieldsOf> = [];
  scanFields(bytes, 0, bytes.length, (keyFrom, keyEnd, valueFrom, valueEnd) => {
    const name = decodeString(bytes, keyFrom, keyEnd);
    const [key, value] = [bytes.toString("utf8", keyFrom, valueFrom), bytes.toString("utf8", valueFrom, valueEnd)];
    fields.push({ name, key, value });
  });
  return fields;
}

/** Sets fields of a compact object, by name to JSON text: a field that is there keeps its place, a new one comes last. */
export function setFields(json: string, changes: ReadonlyMap<string, string>): string {
  if (changes.size === 0) return json;
  const bytes = Buffer.from(json);
  const left = new Map(changes);
  const texts: string[] = [];
  let [done, isEmpty] = [0, true];
  scanFields(bytes, 0, bytes.length, (keyFrom, keyEnd, valueFrom, valueEnd) => {
    isEmpty = false;
    const name = decodeString(bytes, keyFrom, keyEnd);
    const value = changes.get(name);
    if (value === undefined) return;
    left.delete(name);
    texts.push(bytes.toString("utf8", done, valueFrom), value);
    done = valueEnd;
  });
  const added = [...left].map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(",");
  texts.push(bytes.toString("utf8", done, bytes.length - 1), added && !isEmpty ? "," : "", added, "}");
  return texts.join("");
}

export function withoutFields(json: string, names: ReadonlySet<string>): string {
  if (names.size === 0) return json;
  const kept = fieldsOf(json).filter(({ name }) => !names.has(name));
  return `{${kept.map(({ key, value }) => key + value).join(",")}}`;
}

/** The JSON text of a field of a compact object, if it has one. The last of a repeated field counts. */
export function fieldJson(json: string, field: string): string | undefined {
  return fieldsOf(json).findLast(({ name }) => name === field)?.value;
}
