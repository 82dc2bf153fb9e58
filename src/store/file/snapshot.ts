import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { closeQuietly, systemErrorCode, TtsctlError } from "../../errors.ts";
import { compactJson, JsonSyntaxError } from "../../json/scan.ts";
import { batches, fillIn } from "../../pool.ts";
import type { TaskId } from "../../task/ids.ts";
import type { RecordRules } from "../../task/rules.ts";
import { type InvalidRecord, isInvalid, RecordParser, type Task } from "../../task/task.ts";
import { KeyTable } from "../key-table.ts";
import { StoreSyntaxError } from "./elements.ts";
import { type FileIdentity, unreadable } from "./identity.ts";
import { INVALID, InvalidRecords, LIVE, Rows, rowReader } from "./rows.ts";
import {
  type Content,
  readFootprint,
  recogniseShape,
  type ScanOptions,
  type ScanResult,
  type Shape,
  scanAppended,
  scanStore,
} from "./scanner.ts";

export const WINDOW = 1 << 20;
/** Bytes between two records that are read together. */
const MOST_GAP = 4096;
const WINDOW_SPAN = 4 << 20;

/** Live rows that are near each other in the file. Their bytes are read once, so their tasks can be taken in any order. */
export interface RowWindow {
  readonly rows: readonly number[];
  /** The tasks of some of the rows, in the order given. @throws TtsctlError STORE_UNREADABLE, STORE_BUSY */
  tasks(rows: readonly number[]): Promise<Task[]>;
  /** Reads the bytes of each row. */
  read(): Promise<(row: number) => Buffer>;
}

/** The file that a snapshot was read from; null if there was none. */
interface Source {
  readonly handle: FileHandle;
  /** Puts elements that are appended into the rows. */
  readonly reader: ReturnType<typeof rowReader>;
  content: Content;
}

/** One content of the store file: validated, its rows in memory, its file still open. It stays valid if the path is replaced. */
export class Snapshot {
  readonly #parser: RecordParser;
  #growing: Promise<boolean> = Promise.resolve(true);
  /** How many readers have not closed it. */
  #holders = 1;

  private constructor(
    readonly path: string,
    readonly rules: RecordRules,
    readonly rows: Rows,
    readonly invalid: InvalidRecords,
    private readonly source: Source | null,
  ) {
    this.#parser = new RecordParser(rules);
  }

  /** The content of a missing file. */
  static none(path: string, rules: RecordRules): Snapshot {
    const rows = new Rows(false, new KeyTable(rules.memberOrder));
    return new Snapshot(path, rules, rows, new InvalidRecords(), null);
  }

  /** Reads a store file; a missing one is empty. @throws TtsctlError STORE_UNREADABLE, STORE_INVALID, INTERRUPTED */
  static async read(path: string, rules: RecordRules, signal?: AbortSignal): Promise<Snapshot> {
    const handle = await openForReading(path);
    if (handle === null) return Snapshot.none(path, rules);
    try {
      return await Snapshot.readHandle(handle, path, rules, { signal });
    } catch (error) {
      await closeQuietly(handle);
      throw error;
    }
  }

  /** The same for an open file; it stays open if reading fails. */
  static async readHandle(handle: FileHandle, path: string, rules: RecordRules, options: ScanOptions = {}) {
    try {
      const identity = await handle.stat({ bigint: true });
      const shape = await recogniseShape(handle);
      const isLines = shape === "jsonl";
      const rows = new Rows(isLines, new KeyTable(rules.memberOrder), Number(identity.size));
      const reader = rowReader(rows, rules, isLines);
      const layout = await scanStore(handle, shape, reader.add, options);
      const footprint = isLines ? await readFootprint(handle, layout.size) : null;
      const content = { layout, footprint, identity };
      return new Snapshot(path, rules, rows, reader.invalid, { handle, reader, content });
    } catch (error) {
      throw await nameStoreError(error, path, handle);
    }
  }

  get layout(): ScanResult | null {
    return this.source?.content.layout ?? null;
  }

  /** Null if the file was missing. */
  get identity(): FileIdentity | null {
    return this.source?.content.identity ?? null;
  }

  get exists(): boolean {
    return this.source !== null;
  }

  get fd(): number | null {
    return this.source?.handle.fd ?? null;
  }

  get shape(): Shape | null {
    return this.layout?.shape ?? null;
  }

  get writesLines(): boolean {
    return this.shape === null ? this.path.endsWith(".jsonl") : this.shape === "jsonl";
  }

  /** How many tasks the file holds. */
  get size(): number {
    return this.rows.live;
  }

  idOf(row: number): TaskId {
    return this.rows.keys.id(this.rows.key(row));
  }

  /** The row in force of a task, or -1. */
  rowOf({ userId, taskId }: TaskId): number {
    const key = this.rows.keys.find(userId, taskId);
    return key < 0 ? -1 : this.rows.liveRow(key);
  }

  /** Whether the file has an invalid record with these ids. */
  hasInvalid({ userId, taskId }: TaskId): boolean {
    return this.rows.hasInvalid(this.rows.keys.find(userId, taskId));
  }

  /** Whether the file has any record of a task, valid or not. */
  holds(id: TaskId): boolean {
    return this.keyOf(id) >= 0;
  }

  /** The key of a task, or -1 if the file has no record of it, valid or not. */
  keyOf({ userId, taskId }: TaskId): number {
    const key = this.rows.keys.find(userId, taskId);
    return key >= 0 && (this.rows.liveRow(key) >= 0 || this.rows.hasInvalid(key)) ? key : -1;
  }

  /** The rows of all tasks, in file order. */
  *liveRows(): Generator<number> {
    for (let row = 0; row < this.rows.size; row++) if (this.rows.state(row) === LIVE) yield row;
  }

  /** The tasks of live rows, in the order given. Neighbours in the file are read together. */
  async readTasks(rows: ArrayLike<number>): Promise<Task[]> {
    const given = Array.from(rows);
    const tasks = new Map<number, Task>();
    const inFileOrder = [...new Set(given)].sort((a, b) => a - b);
    for (const window of this.windows(inFileOrder, WINDOW, MOST_GAP)) {
      for (const [i, task] of (await window.tasks(window.rows)).entries()) tasks.set(window.rows[i]!, task);
    }
    return given.map((row) => tasks.get(row)!);
  }

  /** @param rows in file order @param span the most bytes of a window @param gap and between two of its rows */
  *windows(rows: Iterable<number>, span = WINDOW_SPAN, gap = span): Generator<RowWindow> {
    let group: number[] = [];
    for (const row of rows) {
      const isApart = this.rows.end(row) - this.rows.start(group[0] ?? row) > span;
      if (group.length > 0 && (isApart || this.rows.start(row) - this.rows.end(group.at(-1)!) > gap)) {
        yield this.#windowOf(group);
        group = [];
      }
      group.push(row);
    }
    if (group.length > 0) yield this.#windowOf(group);
  }

  /** Windows in pieces. By time, each window is sorted, because Redis inserts neighbours into an index faster. */
  *pieces(rows: Iterable<number>, size: number, order: "in file order" | "by time"): Generator<RowWindow> {
    const byTime = (a: number, b: number) => this.rows.score(a) - this.rows.score(b);
    for (const window of this.windows(rows)) {
      const sorted = order === "by time" ? window.rows.toSorted(byTime) : window.rows;
      for (const some of batches(sorted, size)) yield { ...window, rows: some };
    }
  }

  #windowOf(rows: readonly number[]): RowWindow {
    const from = this.rows.start(rows[0]!);
    let reading: Promise<Buffer> | undefined;
    const read = async () => {
      reading ??= this.readBytes(from, this.rows.end(rows.at(-1)!));
      const bytes = await reading;
      return (row: number) => bytes.subarray(this.rows.start(row) - from, this.rows.end(row) - from);
    };
    const tasks = async (some: readonly number[]) => {
      const bytesOf = await read();
      return some.map((row) => {
        const task = this.#parseAgain(bytesOf(row));
        if (isInvalid(task)) throw this.#changedUnderUs();
        return task;
      });
    };
    return { rows, tasks, read };
  }

  /** The record of each task, or null. */
  async recordsOf(ids: readonly TaskId[]): Promise<(Task | null)[]> {
    const rows = ids.map((id) => this.rowOf(id));
    return fillIn<number, Task | null>(
      rows,
      (row) => (row < 0 ? null : undefined),
      (live) => this.readTasks(live),
    );
  }

  /** The invalid record with these ids, or null. */
  async readInvalid(id: TaskId): Promise<{ json: string; reason: string } | null> {
    const key = this.rows.keys.find(id.userId, id.taskId);
    let row = this.rows.hasInvalid(key) ? this.rows.size - 1 : -1;
    while (row >= 0 && (this.rows.key(row) !== key || this.rows.state(row) !== INVALID)) row--;
    if (row < 0) return null;
    const bytes = await this.readBytes(this.rows.start(row), this.rows.end(row));
    const record = this.#parseAgain(bytes);
    return { json: compactJson(bytes, 0, bytes.length), reason: isInvalid(record) ? record.reason : "" };
  }

  /** Bytes `[from, end)` of the file as it was read. @throws TtsctlError STORE_UNREADABLE, STORE_BUSY */
  async readBytes(from: number, end: number, bytes: Buffer = Buffer.allocUnsafe(end - from)): Promise<Buffer> {
    for (let done = 0; done < bytes.length; ) {
      const bytesRead = await readAt(this.source!.handle, bytes.subarray(done), from + done, this.path);
      if (bytesRead === 0) throw this.#changedUnderUs();
      done += bytesRead;
    }
    return bytes;
  }

  /** A reader of ascending ranges that reads a window at once, however short they are. It may overwrite what it returned before. */
  windowed(): (from: number, end: number) => Promise<Buffer> {
    const room = Buffer.allocUnsafe(WINDOW);
    let window: Buffer = room.subarray(0, 0);
    let base = 0;
    return async (from, end) => {
      if (end > base + window.length) {
        base = from;
        const to = Math.max(end, Math.min(from + WINDOW, this.layout!.size));
        window = await this.readBytes(from, to, to - from <= WINDOW ? room.subarray(0, to - from) : undefined);
      }
      return window.subarray(from - base, end - base);
    };
  }

  /** The line, from 1, of a byte of the file. @throws TtsctlError STORE_UNREADABLE */
  async lineOf(offset: number): Promise<number> {
    return lineAt(this.source!.handle, offset, this.path);
  }

  /**
   * Adds the lines that were appended since; rows keep their places, so other readers aren't disturbed. False, or an
   * error, if the file didn't only grow and must be read again. @throws TtsctlError STORE_UNREADABLE, STORE_INVALID
   */
  grow(): Promise<boolean> {
    this.#growing = this.#growing.then((before) => before && this.#grow());
    this.#growing.catch(() => {});
    return this.#growing;
  }

  async #grow(): Promise<boolean> {
    if (this.source === null) return false;
    const { handle, content, reader } = this.source;
    try {
      const grown = await scanAppended(handle, content, reader.add);
      if (grown === null) return false;
      this.source.content = grown;
      return true;
    } catch (error) {
      throw await nameStoreError(error, this.path, handle);
    }
  }

  /** The same snapshot for one more reader, which closes it too. */
  share(): this {
    if (this.#holders === 0) throw new TtsctlError("INTERNAL", "a snapshot was shared after it was closed");
    this.#holders++;
    return this;
  }

  /** Each reader closes it once; the last one closes the file. */
  async close(): Promise<void> {
    if (--this.#holders === 0) await closeQuietly(this.source?.handle);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #parseAgain(bytes: Buffer): Task | InvalidRecord {
    try {
      return this.#parser.parse(bytes);
    } catch (error) {
      throw error instanceof JsonSyntaxError ? this.#changedUnderUs() : error;
    }
  }

  #changedUnderUs(): TtsctlError {
    return new TtsctlError("STORE_BUSY", `${this.path} was written in place while it was read`, {
      hint: "the store file must be replaced or appended to, never overwritten; run the command again",
    });
  }
}

/**
 * What both ends of a store file show: damaged if it is of 0 bytes, or ends within its array or indented map.
 * @throws TtsctlError STORE_UNREADABLE
 */
export async function glanceAt(path: string): Promise<"missing" | "damaged" | "without tasks" | "whole"> {
  await using file = await openForReading(path);
  if (file === null) return "missing";
  const { size } = await file.stat().catch((error) => {
    throw unreadable(path, error);
  });
  const bytes = Buffer.alloc(64);
  const textAt = async (from: number) => bytes.toString("latin1", 0, await readAt(file, bytes, from, path));
  const [first, last] = [await textAt(0), (await textAt(Math.max(0, size - 64))).replace(/[\s\0]+$/, "")];
  if (!/^\s*[[{]/.test(first)) return "damaged";
  if (size <= 64 && /^\s*(\[\s*\]|\{\s*\})\s*$/.test(first.slice(0, size))) return "without tasks";
  const isWhole = last.endsWith(/^\s*\[/.test(first) ? "]" : /^\s*\{\s*\n/.test(first) ? "\n}" : "");
  return isWhole ? "whole" : "damaged";
}

async function openForReading(path: string): Promise<FileHandle | null> {
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if ((await handle.stat()).isFile()) return handle;
    await closeQuietly(handle);
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return null;
    throw unreadable(path, error);
  }
  throw new TtsctlError("STORE_UNREADABLE", `${path} is not a regular file`, {
    hint: "name the store file with --store or [store] path",
  });
}

async function nameStoreError(error: unknown, path: string, handle: FileHandle): Promise<unknown> {
  if (error instanceof StoreSyntaxError) {
    const line = await lineAt(handle, error.offset, path);
    return new TtsctlError("STORE_INVALID", `${path} line ${line}, byte ${error.offset}: ${error.message}`, {
      hint: "ttsctl left the file unchanged; if the service still accepts tasks, its next write replaces the file; otherwise stop it and restore the file as docs/runbook.md shows",
      cause: error,
    });
  }
  return error instanceof TtsctlError || systemErrorCode(error) === undefined ? error : unreadable(path, error);
}

async function readAt(handle: FileHandle, into: Buffer, position: number, path: string): Promise<number> {
  const { bytesRead } = await handle.read(into, 0, into.length, position).catch((cause) => {
    throw unreadable(path, cause);
  });
  return bytesRead;
}

async function lineAt(handle: FileHandle, offset: number, path: string): Promise<number> {
  const bytes = Buffer.allocUnsafe(WINDOW);
  let line = 1;
  for (let at = 0; at < offset; ) {
    const bytesRead = await readAt(handle, bytes.subarray(0, offset - at), at, path);
    if (bytesRead === 0) break;
    for (let i = bytes.indexOf(0x0a); i >= 0 && i < bytesRead; i = bytes.indexOf(0x0a, i + 1)) line++;
    at += bytesRead;
  }
  return line;
}
