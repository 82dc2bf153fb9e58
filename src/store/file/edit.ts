import { scanFields } from "../../json/record.ts";
import {
  COLON,
  COMMA,
  decodeString,
  type JsonLayout,
  layOutJson,
  OPEN_BRACE,
  QUOTE,
  skipSpace,
  skipString,
} from "../../json/scan.ts";
import { keyOf, memberOf, type TaskId } from "../../task/ids.ts";
import type { Task } from "../../task/task.ts";
import { KeySet, KeyTable } from "../key-table.ts";
import { type Edit, type Puts, readPuts } from "./changes.ts";
import { LIVE, type Rows } from "./rows.ts";
import type { Snapshot } from "./snapshot.ts";

/** One change of a file's bytes: `[from, end)` is replaced by `text`. */
export interface Splice {
  readonly from: number;
  readonly end: number;
  readonly text: string;
}

/** The splices of an edit, ascending. The result is what Python's `json.dump` would have written without the removed records. */
export async function* planSplices(snapshot: Snapshot, edit: Edit): AsyncGenerator<Splice> {
  if (snapshot.shape === null) yield* planNewFile(snapshot.writesLines, edit.puts);
  else if (snapshot.shape === "jsonl") yield* planLines(snapshot, edit);
  else yield* planSequence(snapshot, edit);
}

/** Every record of a removed key is removed. A record whose ids can't be read has no key, and is kept. */
function isRemoved(rows: Rows, row: number, { removed, dead }: Edit): boolean {
  return removed.has(rows.key(row)) || (dead?.has(row) ?? false);
}

/** Array or map: puts in the file's own layout. */
async function* planSequence(snapshot: Snapshot, edit: Edit): AsyncGenerator<Splice> {
  const { rows } = snapshot;
  const layout = await readLayout(snapshot);
  const { replacing, added } = placesOf(snapshot, edit);
  const numbers = replacing.filter((number) => number >= 0);
  const replacements = readPuts(edit.puts, numbers);
  let kept = 0;
  let cutFrom = snapshot.layout!.open + 1;
  for (let row = 0; row < rows.size; row++) {
    const end = rows.end(row);
    if (isRemoved(rows, row, edit)) continue;
    // The first kept element loses its separator; the white space after the bracket is kept.
    const previousEnd = row === 0 ? snapshot.layout!.open + 1 : rows.end(row - 1);
    if (kept === 0 && row > 0) {
      yield { from: await elementStart(snapshot, 0), end: await elementStart(snapshot, row), text: "" };
    } else if (cutFrom < previousEnd) yield { from: cutFrom, end: previousEnd, text: "" };
    if (replacing[row]! >= 0) {
      const task = (await replacements.next()).value as Task;
      yield { from: rows.start(row), end, text: layOutJson(task.json, layout.json, 1) };
    }
    kept++;
    cutFrom = end;
  }
  const elements = newElements(snapshot, edit, added, layout);
  const { first, between, last } = layout;
  if (kept > 0) yield* spliced(cutFrom, rows.end(rows.size - 1), joined(elements, between, between, ""));
  else if (rows.size > 0 || added.size > 0) {
    yield* spliced(snapshot.layout!.open + 1, snapshot.layout!.close, joined(elements, first, between, last));
  }
}

/** By row: the number of the upsert that replaces the record in force, or -1. The others are new, and come last. */
function placesOf(snapshot: Snapshot, { removed, puts }: Edit): { replacing: Int32Array; added: KeySet } {
  const replacing = new Int32Array(snapshot.rows.size).fill(-1);
  const added = new KeySet(puts.size);
  for (let number = 0; number < puts.size; number++) {
    const row = snapshot.rowOf(puts.id(number));
    if (row >= 0 && !removed.has(snapshot.rows.key(row))) replacing[row] = number;
    else added.add(number);
  }
  return { replacing, added };
}

/** New elements of an array or map. */
async function* newElements(snapshot: Snapshot, edit: Edit, added: Iterable<number>, { json }: SequenceLayout) {
  let nameFor: ((id: TaskId) => string) | undefined;
  for await (const task of readPuts(edit.puts, added)) {
    const record = layOutJson(task.json, json, 1);
    if (snapshot.shape === "array") yield record;
    else {
      nameFor ??= await namesFor(snapshot, edit);
      yield JSON.stringify(nameFor(task)) + json.keySeparator + record;
    }
  }
}

/** @param gaps the text before the first, between two, and after the last */
async function* joined(texts: AsyncIterable<string>, ...gaps: readonly [string, string, string]) {
  let count = 0;
  for await (const text of texts) yield gaps[count++ === 0 ? 0 : 1] + text;
  if (count > 0) yield gaps[2];
}

/** Replaces `[from, end)` by the texts. */
async function* spliced(from: number, end: number, texts: AsyncIterable<string>): AsyncGenerator<Splice> {
  let cutFrom = from;
  for await (const text of texts) {
    yield { from: cutFrom, end, text };
    cutFrom = end;
  }
  if (cutFrom < end) yield { from: cutFrom, end, text: "" };
}

/** JSON Lines: new lines come last, and the file still begins with a line that has ids. */
async function* planLines(snapshot: Snapshot, edit: Edit): AsyncGenerator<Splice> {
  const { rows, layout } = snapshot;
  const end = layout!.unfinished ?? layout!.size;
  const head = tombstoneHead(rows, edit);
  if (head !== "") yield { from: 0, end: 0, text: head };
  let cutEnd = 0;
  for (let row = 0; row < rows.size; row++) {
    if (!isRemoved(rows, row, edit)) continue;
    cutEnd = row + 1 < rows.size ? rows.start(row + 1) : end;
    yield { from: rows.start(row), end: cutEnd, text: "" };
  }
  if (edit.puts.size === 0) return;
  const endsWithNewline = end === 0 || cutEnd === end || (await snapshot.readBytes(end - 1, end))[0] === 0x0a;
  yield* spliced(end, layout!.size, joined(newTexts(edit.puts, lineOf), endsWithNewline ? "" : "\n", "", ""));
}

/** A tombstone to put first, unless the first kept line has ids. */
function tombstoneHead(rows: Rows, edit: Edit): string {
  let gone = -1;
  for (let row = 0; row < rows.size; row++) {
    if (isRemoved(rows, row, edit)) gone = rows.key(row);
    else if (rows.key(row) >= 0) return "";
    else break;
  }
  if (gone < 0) for (const key of edit.removed) gone = key;
  return gone < 0 ? "" : tombstoneLine(rows, gone);
}

async function* newTexts(puts: Puts, textOf: (task: Task) => string): AsyncGenerator<string> {
  for await (const task of readPuts(puts)) yield textOf(task);
}

/** A new store file: lines if its name says so, else an array as the service writes it. */
async function* planNewFile(asLines: boolean, puts: Puts): AsyncGenerator<Splice> {
  const recordOf = (task: Task) => layOutJson(task.json, PYTHON_INDENT, 1);
  if (asLines) yield* spliced(0, 0, newTexts(puts, lineOf));
  else if (puts.size === 0) yield { from: 0, end: 0, text: "[]" };
  else yield* spliced(0, 0, joined(newTexts(puts, recordOf), "[\n  ", ",\n  ", "\n]"));
}

/** As Python's `json.dumps` writes a record. */
export function lineOf(task: Task): string {
  return `${layOutJson(task.json, { indent: null, itemSeparator: ", ", keySeparator: ": " }, 0)}\n`;
}

export function tombstoneLine(rows: Rows, key: number): string {
  const user = JSON.stringify(rows.keys.userId(key));
  const task = JSON.stringify(rows.keys.taskId(key));
  return `{"user_id": ${user}, "task_id": ${task}, "deleted": true}\n`;
}

/** Names new records of a map `user:task`, with a number if a kept name is equal: of two, a JSON reader keeps the last. */
async function namesFor(snapshot: Snapshot, { removed, puts }: Edit): Promise<(id: TaskId) => string> {
  const taken = new KeyTable();
  const { rows, layout } = snapshot;
  const read = snapshot.windowed();
  for (let row = 0; row < rows.size; row++) {
    const gap = await read(row === 0 ? layout!.open + 1 : rows.end(row - 1), rows.start(row));
    const key = rows.key(row);
    if (removed.has(key)) continue;
    const start = gap.indexOf(QUOTE);
    const name = decodeString(gap, start, skipString(gap, start + 1, gap.length));
    const id = key < 0 ? { userId: "", taskId: "" } : rows.keys.id(key);
    const isOwn = rows.state(row) === LIVE && name === memberOf(id);
    if (!isOwn || mayBeOfOthers(id.userId, id.taskId)) taken.addId("", name);
  }
  let own: Set<string> | undefined;
  /** The name may also belong to a task whose id ends with that number. */
  const isTaken = (id: TaskId) => {
    own ??= new Set(Array.from({ length: puts.size }, (_, number) => keyOf(puts.id(number))));
    const isName = taken.find("", memberOf(id)) >= 0 || rows.keys.find(id.userId, id.taskId) >= 0;
    return isName || own.has(keyOf(id));
  };
  return ({ userId, taskId }) => {
    let name = memberOf({ userId, taskId });
    if (taken.find("", name) >= 0) {
      let number = 2;
      while (isTaken({ userId, taskId: `${taskId}#${number}` })) number++;
      name = `${name}#${number}`;
    } else if (!mayBeOfOthers(userId, taskId)) return name;
    taken.addId("", name);
    return name;
  };
}

/** Whether tasks of other users may have this name too: in one layout, user ids may hold colons. */
function mayBeOfOthers(userId: string, taskId: string): boolean {
  return userId.includes(":") || taskId.includes(":");
}

/** `json.dump(indent=2)`, as the service writes. */
const PYTHON_INDENT: JsonLayout = { indent: "  ", itemSeparator: ",", keySeparator: ": " };

/** White space and separators of an array or map. */
interface SequenceLayout {
  readonly first: string;
  readonly between: string;
  readonly last: string;
  readonly json: JsonLayout;
}

/** The start of a row's element: the value in an array, the key in a map. */
async function elementStart(snapshot: Snapshot, row: number): Promise<number> {
  if (snapshot.shape === "array") return snapshot.rows.start(row);
  const from = row === 0 ? snapshot.layout!.open + 1 : snapshot.rows.end(row - 1);
  const gap = await snapshot.readBytes(from, snapshot.rows.start(row));
  let at = skipSpace(gap, 0, gap.length);
  if (gap[at] === COMMA) at = skipSpace(gap, at + 1, gap.length);
  return from + at;
}

/** The layout of an array or map; of an empty one, that of the service. */
async function readLayout(snapshot: Snapshot): Promise<SequenceLayout> {
  const { rows } = snapshot;
  const { open, close } = snapshot.layout!;
  if (rows.size === 0) return { first: "\n  ", between: ",\n  ", last: "\n", json: PYTHON_INDENT };
  const textOf = async (from: number, end: number) => (await snapshot.readBytes(from, end)).toString();
  const first = await textOf(open + 1, await elementStart(snapshot, 0));
  const last = await textOf(rows.end(rows.size - 1), close);
  const between = rows.size < 2 ? null : await textOf(rows.end(0), await elementStart(snapshot, 1));
  const key = await textOf(await elementStart(snapshot, 0), rows.start(0)); // of a map, with its colon
  const json = recordLayout(await firstRecord(snapshot), first, between === "," || key.endsWith(":"));
  return { first, between: between ?? (first === "" ? json.itemSeparator : `,${first}`), last, json };
}

/** The first element that is an object with fields, if it comes early. */
async function firstRecord(snapshot: Snapshot): Promise<Buffer> {
  const { rows } = snapshot;
  for (let row = 0; row < Math.min(rows.size, 100); row++) {
    const bytes = await snapshot.readBytes(rows.start(row), rows.end(row));
    if (bytes[0] === OPEN_BRACE && bytes.includes(COLON)) return bytes;
  }
  return Buffer.from("{}");
}

/** The layout of a record. If it has too few fields to show it, it is derived from the rest of the file. */
function recordLayout(record: Buffer, first: string, isTight: boolean): JsonLayout {
  const gaps: { inside?: string; item?: string; key?: string } = {};
  let before = 0;
  scanFields(record, 0, record.length, (keyFrom, keyEnd, valueFrom, valueEnd) => {
    if (before === 0) gaps.inside = record.toString("utf8", 1, keyFrom);
    else gaps.item ??= record.toString("utf8", before, keyFrom).split("\n", 1)[0]!;
    gaps.key ??= record.toString("utf8", keyEnd, valueFrom);
    before = valueEnd;
  });
  const indented = (gaps.inside ?? first).includes("\n") && first.includes("\n");
  const indent = indented ? first.slice(first.lastIndexOf("\n") + 1) : null;
  const keySeparator = gaps.key ?? (isTight ? ":" : ": ");
  const itemSeparator = gaps.item ?? (indented || keySeparator === ":" ? "," : ", ");
  return { indent, itemSeparator, keySeparator };
}
