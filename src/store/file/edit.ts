import { layOutJson } from "../../json/text.ts";
import type { Task } from "../../task/task.ts";
import { KeySet, type Keys } from "./key-set.ts";
import { TakenNames } from "./map-names.ts";
import type { Rows } from "./rows.ts";
import { elementStart, PYTHON_INDENT, readLayout, type SequenceLayout } from "./sequence-layout.ts";
import type { Snapshot } from "./snapshot.ts";
import { readUpserts, type Upserts } from "./upserts.ts";

/** One change of a file's bytes: `[from, end)` is replaced by `text`. */
export interface Splice {
  readonly from: number;
  readonly end: number;
  readonly text: string;
}

/** What a rewrite changes: tasks to remove, by key of the snapshot's rows, and records to put in. */
export interface Edit {
  readonly removed: Keys;
  readonly upserts: Upserts;
  /** Rows of JSON Lines that go though their task stays: lines that no longer count. */
  readonly dead?: Keys;
}

/**
 * The splices, ascending, that make the edit: every other byte stays, and what remains is what Python's `json.dump`
 * would have written without the removed records (SPEC section 2).
 */
export async function* planSplices(snapshot: Snapshot, edit: Edit): AsyncGenerator<Splice> {
  if (snapshot.shape === null) yield* planNewFile(snapshot.writesLines, edit.upserts);
  else if (snapshot.shape === "jsonl") yield* planLines(snapshot, edit);
  else yield* planSequence(snapshot, edit);
}

/** Whether a row goes: every record of a removed key. A record whose ids cannot be read has no key, and stays. */
function isRemoved(rows: Rows, row: number, { removed, dead }: Edit): boolean {
  return removed.has(rows.key(row)) || (dead?.has(row) ?? false);
}

/** Array or map: upserts in the file's own layout, over the record in force, or behind the last element. */
async function* planSequence(snapshot: Snapshot, edit: Edit): AsyncGenerator<Splice> {
  const { rows } = snapshot;
  const layout = await readLayout(snapshot);
  const placement = new Placement(snapshot, edit.removed, edit.upserts);
  const replacements = readUpserts(edit.upserts, placement.replacing());
  let kept = 0;
  let cutFrom = snapshot.layout!.open + 1;
  for (let row = 0; row < rows.size; row++) {
    const end = rows.end(row);
    if (isRemoved(rows, row, edit)) continue;
    // Before the first kept element its own separator goes, and the white space after the bracket stays.
    const previousEnd = row === 0 ? snapshot.layout!.open + 1 : rows.end(row - 1);
    if (kept === 0 && row > 0) {
      yield { from: await elementStart(snapshot, 0), end: await elementStart(snapshot, row), text: "" };
    } else if (cutFrom < previousEnd) yield { from: cutFrom, end: previousEnd, text: "" };
    if (placement.isReplaced(row)) {
      const task = (await replacements.next()).value as Task;
      yield { from: rows.start(row), end, text: layOutJson(task.json, layout.json, 1) };
    }
    kept++;
    cutFrom = end;
  }
  const added = newElements(snapshot, edit, placement.added, layout);
  if (kept > 0)
    yield* spliced(cutFrom, rows.end(rows.size - 1), joined(added, { ...layout, first: layout.between, last: "" }));
  else if (rows.size > 0 || placement.added.size > 0) {
    yield* spliced(snapshot.layout!.open + 1, snapshot.layout!.close, joined(added, layout));
  }
}

/** Where the records of an edit go in an array or map: over the record in force, or behind the last element. */
class Placement {
  /** By row: the number of the record that takes its place, or -1. */
  readonly #replacing: Int32Array;
  /** The numbers of records that come new. */
  readonly added: KeySet;

  constructor(snapshot: Snapshot, removed: Keys, upserts: Upserts) {
    this.#replacing = new Int32Array(snapshot.rows.size).fill(-1);
    this.added = new KeySet(upserts.size);
    for (let number = 0; number < upserts.size; number++) {
      const { userId, taskId } = upserts.id(number);
      const row = snapshot.rowOf(userId, taskId);
      if (row >= 0 && !removed.has(snapshot.rows.key(row))) this.#replacing[row] = number;
      else this.added.add(number);
    }
  }

  isReplaced(row: number): boolean {
    return this.#replacing[row]! >= 0;
  }

  /** The numbers of the records that replace others, in the order of those. */
  *replacing(): Generator<number> {
    for (const number of this.#replacing) if (number >= 0) yield number;
  }
}

/** New elements of an array or map as they stand there. */
async function* newElements(
  snapshot: Snapshot,
  { removed, upserts }: Edit,
  added: Iterable<number>,
  { json }: SequenceLayout,
): AsyncGenerator<string> {
  let names: TakenNames | undefined;
  for await (const task of readUpserts(upserts, added)) {
    const record = layOutJson(task.json, json, 1);
    if (snapshot.shape === "array") yield record;
    else {
      names ??= await TakenNames.read(snapshot, removed, upserts);
      yield JSON.stringify(names.nameFor(task)) + json.keySeparator + record;
    }
  }
}

/** The texts with what stands before the first, between two and after the last; nothing where there are none. */
async function* joined(
  texts: AsyncIterable<string>,
  { first, between, last }: { first: string; between: string; last: string },
): AsyncGenerator<string> {
  let before = first;
  let isEmpty = true;
  for await (const text of texts) {
    yield before + text;
    before = between;
    isEmpty = false;
  }
  if (!isEmpty) yield last;
}

/** `[from, end)` becomes the texts. */
async function* spliced(from: number, end: number, texts: AsyncIterable<string>): AsyncGenerator<Splice> {
  let cutFrom = from;
  for await (const text of texts) {
    yield { from: cutFrom, end, text };
    cutFrom = end;
  }
  if (cutFrom < end) yield { from: cutFrom, end, text: "" };
}

/** JSON Lines: whole lines go, new ones come last, and the file still begins with a line that has ids. */
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
  if (edit.upserts.size === 0) return;
  const endsWithNewline = end === 0 || cutEnd === end || (await snapshot.readBytes(end - 1, end))[0] === 0x0a;
  const first = endsWithNewline ? "" : "\n";
  yield* spliced(end, layout!.size, joined(newLines(edit.upserts), { first, between: "", last: "" }));
}

/** The tombstone that must stand first where what remains has no line with ids, or does not begin with one. */
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

async function* newLines(upserts: Upserts): AsyncGenerator<string> {
  for await (const task of readAll(upserts)) yield lineOf(task);
}

/** A store file that did not exist: lines where the name says so, else an array as the service writes it. */
async function* planNewFile(asLines: boolean, upserts: Upserts): AsyncGenerator<Splice> {
  if (asLines) yield* spliced(0, 0, newLines(upserts));
  else if (upserts.size === 0) yield { from: 0, end: 0, text: "[]" };
  else yield* spliced(0, 0, joined(newRecords(upserts), { first: "[\n  ", between: ",\n  ", last: "\n]" }));
}

async function* newRecords(upserts: Upserts): AsyncGenerator<string> {
  for await (const task of readAll(upserts)) yield layOutJson(task.json, PYTHON_INDENT, 1);
}

function readAll(upserts: Upserts): AsyncGenerator<Task> {
  return readUpserts(upserts, numbersTo(upserts.size));
}

function* numbersTo(size: number): Generator<number> {
  for (let number = 0; number < size; number++) yield number;
}

/** A record as Python's `json.dumps` lays it out on one line. */
export function lineOf(task: Task): string {
  return `${layOutJson(task.json, { indent: null, itemSeparator: ", ", keySeparator: ": " }, 0)}\n`;
}

/** The line that ends a task. */
export function tombstoneLine(rows: Rows, key: number): string {
  const user = JSON.stringify(rows.keys.userId(key));
  const task = JSON.stringify(rows.keys.taskId(key));
  return `{"user_id": ${user}, "task_id": ${task}, "deleted": true}\n`;
}
