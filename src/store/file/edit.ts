import { scanFields } from "../../json/record.ts";
import { COLON, COMMA, OPEN_BRACE, skipSpace } from "../../json/scan.ts";
import { type JsonLayout, layOutJson } from "../../json/text.ts";
import { memberOf } from "../../task/ids.ts";
import type { Task } from "../../task/task.ts";
import type { Keys } from "./key-set.ts";
import { TakenNames } from "./map-names.ts";
import type { Rows } from "./rows.ts";
import type { Snapshot } from "./snapshot.ts";

/** One change of a file's bytes: `[from, end)` is replaced by `text`. */
export interface Splice {
  readonly from: number;
  readonly end: number;
  readonly text: string;
}

/** What a rewrite changes: tasks to remove, by key of the snapshot's rows, and records to put in. */
export interface Edit {
  readonly removed: Keys;
  readonly upserts: readonly Task[];
}

/**
 * The splices, ascending, that make the edit: every other byte stays, and what remains is what Python's `json.dump`
 * would have written without the removed records (SPEC section 2).
 */
export async function* planSplices(snapshot: Snapshot, edit: Edit): AsyncGenerator<Splice> {
  if (snapshot.shape === null) yield { from: 0, end: 0, text: newFile(snapshot.path, edit.upserts) };
  else if (snapshot.shape === "jsonl") yield* planLines(snapshot, edit);
  else yield* planSequence(snapshot, edit);
}

/** Whether a row goes: every record of a removed key. A record whose ids cannot be read has no key, and stays. */
function isRemoved(rows: Rows, row: number, removed: Keys): boolean {
  return removed.has(rows.key(row));
}

async function* planSequence(snapshot: Snapshot, edit: Edit): AsyncGenerator<Splice> {
  const { rows } = snapshot;
  const layout = await readLayout(snapshot);
  const { replaced, added } = await placeUpserts(snapshot, edit, layout);
  let kept = 0;
  let cutFrom = snapshot.layout!.open + 1;
  for (let row = 0; row < rows.size; row++) {
    const end = rows.end(row);
    if (isRemoved(rows, row, edit.removed)) continue;
    // Before the first kept element its own separator goes, and the white space after the bracket stays.
    const previousEnd = row === 0 ? snapshot.layout!.open + 1 : rows.end(row - 1);
    if (kept === 0 && row > 0) {
      yield { from: await elementStart(snapshot, 0), end: await elementStart(snapshot, row), text: "" };
    } else if (cutFrom < previousEnd) yield { from: cutFrom, end: previousEnd, text: "" };
    const text = replaced.get(row);
    if (text !== undefined) yield { from: rows.start(row), end, text };
    kept++;
    cutFrom = end;
  }
  yield* endOfSequence(snapshot, { kept, cutFrom, added, layout });
}

/** After the last kept element: what follows it goes, what is added comes in. */
function endOfSequence(
  snapshot: Snapshot,
  last: { kept: number; cutFrom: number; added: string[]; layout: SequenceLayout },
): Splice[] {
  const { rows } = snapshot;
  const { kept, cutFrom, added, layout } = last;
  const lastEnd = rows.size === 0 ? snapshot.layout!.open + 1 : rows.end(rows.size - 1);
  if (kept === 0) {
    const text = added.length === 0 ? "" : layout.first + added.join(layout.between) + layout.last;
    const changes = text !== "" || rows.size > 0;
    return changes ? [{ from: snapshot.layout!.open + 1, end: snapshot.layout!.close, text }] : [];
  }
  const text = added.map((record) => layout.between + record).join("");
  return cutFrom < lastEnd || text !== "" ? [{ from: cutFrom, end: lastEnd, text }] : [];
}

/** `json.dump(indent=2)`, as the service writes. */
const PYTHON_INDENT: JsonLayout = { indent: "  ", itemSeparator: ",", keySeparator: ": " };

/** White space and separators of an array or map, as the file has them. */
interface SequenceLayout {
  readonly first: string;
  readonly between: string;
  readonly last: string;
  readonly json: JsonLayout;
}

/** Where a row's element begins: at the value in an array, at the key in a map. */
async function elementStart(snapshot: Snapshot, row: number): Promise<number> {
  if (snapshot.shape === "array") return snapshot.rows.start(row);
  const from = row === 0 ? snapshot.layout!.open + 1 : snapshot.rows.end(row - 1);
  const gap = await snapshot.readBytes(from, snapshot.rows.start(row));
  let at = skipSpace(gap, 0, gap.length);
  if (gap[at] === COMMA) at = skipSpace(gap, at + 1, gap.length);
  return from + at;
}

async function readLayout(snapshot: Snapshot): Promise<SequenceLayout> {
  const { rows } = snapshot;
  const { open, close } = snapshot.layout!;
  if (rows.size === 0) {
    return { first: "\n  ", between: ",\n  ", last: "\n", json: PYTHON_INDENT };
  }
  const first = (await snapshot.readBytes(open + 1, await elementStart(snapshot, 0))).toString();
  const last = (await snapshot.readBytes(rows.end(rows.size - 1), close)).toString();
  const between =
    rows.size < 2 ? null : (await snapshot.readBytes(rows.end(0), await elementStart(snapshot, 1))).toString();
  const json = recordLayout(await firstRecord(snapshot), { first, between, colon: await firstColon(snapshot) });
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

/** What stands between the first key of a map and its value; undefined in an array. */
async function firstColon(snapshot: Snapshot): Promise<string | undefined> {
  if (snapshot.shape !== "map") return undefined;
  const head = (await snapshot.readBytes(await elementStart(snapshot, 0), snapshot.rows.start(0))).toString();
  return head.slice(head.lastIndexOf('"') + 1);
}

/** The layout of the records: that of one of them, and where it has too few fields to show it, what goes with the rest. */
function recordLayout(
  record: Buffer,
  { first, between, colon }: { first: string; between: string | null; colon: string | undefined },
): JsonLayout {
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
  const keySeparator = gaps.key ?? colon ?? (between === "," ? ":" : ": ");
  const itemSeparator = gaps.item ?? (indented || keySeparator === ":" ? "," : ", ");
  return { indent, itemSeparator, keySeparator };
}

/** Upserts in the file's own layout: over the record in force, or as new elements. */
async function placeUpserts(snapshot: Snapshot, edit: Edit, layout: SequenceLayout) {
  const replaced = new Map<number, string>();
  const added: string[] = [];
  let names: TakenNames | undefined;
  for (const task of edit.upserts) {
    const record = layOutJson(task.json, layout.json, 1);
    const row = snapshot.rowOf(task.userId, task.taskId);
    if (row >= 0 && !isRemoved(snapshot.rows, row, edit.removed)) replaced.set(row, record);
    else if (snapshot.shape === "array") added.push(record);
    else {
      names ??= await TakenNames.read(snapshot, edit.removed);
      const name = names.nameFor(memberOf(task.userId, task.taskId));
      added.push(JSON.stringify(name) + layout.json.keySeparator + record);
    }
  }
  return { replaced, added };
}

/** JSON Lines: whole lines go, new ones come last, and the file still begins with a line that has ids. */
async function* planLines(snapshot: Snapshot, edit: Edit): AsyncGenerator<Splice> {
  const { rows, layout } = snapshot;
  const end = layout!.unfinished ?? layout!.size;
  const head = tombstoneHead(rows, edit.removed);
  if (head !== "") yield { from: 0, end: 0, text: head };
  let cutEnd = 0;
  for (let row = 0; row < rows.size; row++) {
    if (!isRemoved(rows, row, edit.removed)) continue;
    cutEnd = row + 1 < rows.size ? rows.start(row + 1) : end;
    yield { from: rows.start(row), end: cutEnd, text: "" };
  }
  const text = await newLines(snapshot, edit.upserts, end, cutEnd === end);
  if (text !== "") yield { from: end, end: layout!.size, text };
}

/** The tombstone that must stand first where what remains has no line with ids, or does not begin with one. */
function tombstoneHead(rows: Rows, removed: Keys): string {
  let gone = -1;
  for (let row = 0; row < rows.size; row++) {
    if (isRemoved(rows, row, removed)) gone = rows.key(row);
    else if (rows.key(row) >= 0) return "";
    else break;
  }
  if (gone < 0) for (const key of removed) gone = key;
  return gone < 0 ? "" : tombstoneLine(rows, gone);
}

async function newLines(snapshot: Snapshot, upserts: readonly Task[], end: number, cut: boolean): Promise<string> {
  if (upserts.length === 0) return "";
  const lines = upserts.map((task) => `${lineJson(task)}\n`).join("");
  const endsWithNewline = end === 0 || cut || (await snapshot.readBytes(end - 1, end))[0] === 0x0a;
  return endsWithNewline ? lines : `\n${lines}`;
}

/** A store file that did not exist: lines where the name says so, else an array as the service writes it. */
function newFile(path: string, upserts: readonly Task[]): string {
  if (path.endsWith(".jsonl")) return upserts.map((task) => `${lineJson(task)}\n`).join("");
  const records = upserts.map((task) => `\n  ${layOutJson(task.json, PYTHON_INDENT, 1)}`);
  return records.length === 0 ? "[]" : `[${records.join(",")}\n]`;
}

/** A record as Python's `json.dumps` lays it out on one line. */
function lineJson(task: Task): string {
  return layOutJson(task.json, { indent: null, itemSeparator: ", ", keySeparator: ": " }, 0);
}

function tombstoneLine(rows: Rows, key: number): string {
  const user = JSON.stringify(rows.keys.userId(key));
  const task = JSON.stringify(rows.keys.taskId(key));
  return `{"user_id": ${user}, "task_id": ${task}, "deleted": true}\n`;
}
