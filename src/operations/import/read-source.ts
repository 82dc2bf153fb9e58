import { constants as bufferConstants, isUtf8 } from "node:buffer";
import { closeSync, constants, createReadStream, fstatSync, openSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { Socket } from "node:net";
import { addAbortSignal, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { CsvError, parse } from "csv-parse";
import {
  closeQuietly,
  describeSystemError,
  isMissingPath,
  ours,
  systemErrorCode,
  TtsctlError,
  throwIfInterrupted,
} from "../../errors.ts";
import { isBlank, JsonSyntaxError } from "../../json/scan.ts";
import { Snapshot } from "../../store/file/snapshot.ts";
import { counted } from "../../task/amounts.ts";
import type { RecordRules } from "../../task/rules.ts";
import { type InvalidRecord, isInvalid, RecordParser, type Task } from "../../task/task.ts";
import { appendTo, openTemporary, spooled } from "../merge/spool.ts";
import type { Reporter } from "../reporter.ts";

const NOTHING_IMPORTED = "nothing was imported";

/**
 * A regular file, or a stream. A named pipe is opened once, because a second descriptor wouldn't see that the writer has
 * closed it. It is read in the event loop: a thread in read(2) can't be stopped, so the process couldn't exit.
 */
async function openFile(path: string): Promise<FileHandle | Readable> {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const stats = fstatSync(fd);
  if (stats.isFIFO()) return new Socket({ fd, readable: true, writable: false });
  if (!stats.isFile()) return createReadStream(path, { fd });
  closeSync(fd);
  return open(path);
}

function unreadable(path: string, cause: unknown): TtsctlError {
  const isNoFile = isMissingPath(cause) || systemErrorCode(cause) === "EISDIR";
  const code = isNoFile ? "USAGE" : "IMPORT_UNREADABLE";
  const hint = "name a file that ttsctl export or --backup wrote, a store file, or - for stdin";
  return new TtsctlError(code, `cannot read ${path}: ${describeSystemError(cause)}`, { hint, cause });
}

/** The format, by the first bytes. @throws TtsctlError IMPORT_INVALID if it can't hold records */
async function inputKind(name: string, handle: FileHandle): Promise<"json" | "csv"> {
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(1 << 16), 0, 1 << 16, 0);
  const head = buffer.subarray(0, bytesRead);
  if (head[0] === 0x1f && head[1] === 0x8b) {
    throw invalid(`${name} is compressed`, `unpack it first: gunzip -c FILE | ttsctl import -`);
  }
  const hasMark = head.subarray(0, 3).equals(BYTE_ORDER_MARK);
  const first = head.toString("latin1", hasMark ? 3 : 0).trimStart()[0];
  if (first === undefined) throw invalid(`${name} is empty`, "check the file: an export with tasks isn't empty");
  if (first !== "[" && first !== "{") return "csv";
  if (hasMark) throw invalid(`${name} begins with a byte-order mark, which isn't JSON`, "save it without one");
  return "json";
}

const BYTE_ORDER_MARK = Buffer.from("\ufeff");

function invalid(message: string, hint: string, cause?: TtsctlError): TtsctlError {
  return new TtsctlError("IMPORT_INVALID", message, { hint, cause });
}

/** An input that was read and checked completely: its records, which the caller closes, and its bad lines. */
export type Source = Awaited<ReturnType<typeof readSource>>;

interface SourceReading {
  readonly stdin: Readable;
  readonly storePath: string;
  readonly rules: RecordRules;
  /** Also ends the wait for a slow writer. */
  readonly signal: AbortSignal;
}

/**
 * Reads an input in the format that its content shows. Of a task that comes twice the newer counts, in JSON Lines the last.
 * @throws TtsctlError IMPORT_INVALID if its format is unknown, IMPORT_UNREADABLE, SPOOL_FAILED, INTERRUPTED
 */
export async function readSource(path: string | null, { stdin, storePath, rules, signal }: SourceReading) {
  const name = path ?? "stdin";
  const bad = new BadLines(name);
  const parser = new RecordParser(rules);
  let opened: FileHandle | undefined;
  try {
    const input = path === null ? stdin : await openFile(path);
    // A stream is copied into a temporary file first, because it is read more than once.
    const handle = input instanceof Readable ? await openTemporary(storePath) : input;
    opened = handle;
    if (input instanceof Readable) {
      for await (const chunk of addAbortSignal(signal, input)) await appendTo(handle, chunk as Uint8Array, storePath);
      throwIfInterrupted(signal, NOTHING_IMPORTED);
    }
    const whole = (await inputKind(name, handle)) === "csv" ? null : await readWhole(handle);
    if (whole instanceof Snapshot) {
      await addInvalid(whole);
      return { records: whole, bad };
    }
    const records = await (whole === null
      ? spooled(storePath, rules, (add) => addRows(handle, add))
      : spooled(storePath, rules, (add) => addLines(handle, add, whole), "lines"));
    await closeQuietly(handle);
    return { records, bad };
  } catch (error) {
    await closeQuietly(opened);
    throwIfInterrupted(signal, NOTHING_IMPORTED);
    throw systemErrorCode(error) === undefined || error instanceof TtsctlError ? error : unreadable(name, error);
  }

  /** Reads a store file of any shape; one that is cut has the records before. Returns the error if it is broken. */
  function readWhole(handle: FileHandle): Promise<Snapshot | TtsctlError> {
    return Snapshot.readHandle(handle, name, rules, { signal, mayBeCut: true }).catch((error) => {
      if (ours(error).code !== "STORE_INVALID") throw error;
      return error as TtsctlError;
    });
  }

  /** Notes the invalid records of a well-formed file, and one that it ends in. */
  async function addInvalid(records: Snapshot): Promise<void> {
    for (const { offset, reason } of records.invalid.named) bad.add(await records.lineOf(offset), reason);
    bad.count = records.invalid.count;
    const { unfinished = null, close = 0 } = records.layout ?? {};
    if (unfinished === null) return;
    const what = records.shape === "jsonl" ? "line" : records.shape;
    const isAfter = close > 0 && unfinished > close;
    const problem = isAfter ? `text after the end of the ${what}` : `the input ends inside this ${what}`;
    bad.add(await records.lineOf(unfinished), problem);
  }

  /** Adds the valid lines of a broken file. @param error why it is broken */
  async function addLines(handle: FileHandle, add: AddRecord, error: TtsctlError): Promise<void> {
    let [number, valid] = [0, 0];
    for await (const line of linesOf(handle, signal)) {
      number++;
      if (isBlank(line, 0, line.length)) continue;
      const problem = problemOf(line, parser);
      if (problem !== undefined) bad.add(number, problem);
      else valid++;
      if (problem === undefined) await add(line.toString());
    }
    if (valid === 0) throw invalid(error.message, `nothing was imported; ${ACCEPTED}`, error);
  }

  /** Adds the records of CSV as `export` writes it. */
  async function addRows(handle: FileHandle, add: AddRecord): Promise<void> {
    const bytes = handle.createReadStream({ start: 0, autoClose: false });
    const options = { bom: true, info: true, relax_column_count: true, skip_empty_lines: true };
    const rows = parse({ ...options, max_record_size: bufferConstants.MAX_STRING_LENGTH });
    const text = (chunks: AsyncIterable<Buffer>) => decoded(chunks, signal);
    await pipeline(bytes, text, rows, async (rows: AsyncIterable<Row>) => {
      let column = -1;
      for await (const { record, info } of rows) {
        const task = column < 0 ? null : recordOf(record[column], parser);
        if (task === null) column = record.indexOf(RECORD);
        if (column < 0) throw invalid(`${name} is neither JSON nor CSV with a column "${RECORD}"`, ACCEPTED);
        if (typeof task === "string") bad.add(info.lines, task);
        else if (task !== null) await add(task.json);
      }
    }).catch((error) => {
      if (error instanceof CsvError) bad.add(Number(error.lines ?? 0), `invalid CSV: ${error.message}`);
      else if (error instanceof TypeError)
        bad.add(1, "this or a later line is not valid UTF-8; save the file as UTF-8");
      else throw error;
    });
  }
}

type AddRecord = (json: string) => Promise<void>;

const ACCEPTED = "accepted: what ttsctl export and --backup write, and store files";

/** The lines of a file, each with a newline at its end. `readLines` also splits at CR, and can't hold a line of 512 MB. */
async function* linesOf(handle: FileHandle, signal: AbortSignal): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  for await (const chunk of handle.createReadStream({ start: 0, autoClose: false })) {
    throwIfInterrupted(signal, NOTHING_IMPORTED);
    const bytes = chunk as Buffer;
    let from = 0;
    for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, from)) {
      held.push(bytes.subarray(from, at + 1));
      yield held.length === 1 ? held[0]! : Buffer.concat(held);
      held = [];
      from = at + 1;
    }
    if (from < bytes.length) held.push(bytes.subarray(from));
  }
  if (held.length > 0) yield Buffer.concat([...held, Buffer.from("\n")]);
}

/** Why a line is neither a record nor a tombstone; undefined if it is. */
function problemOf(line: Buffer, parser: RecordParser): string | undefined {
  if (!isUtf8(line)) return "not valid UTF-8";
  const record = parsed(line, parser);
  if (typeof record === "string") return record;
  return isInvalid(record) && !parser.isTombstone(line) ? record.reason : undefined;
}

/** A record, or why the text isn't JSON. */
function parsed(text: string | Buffer, parser: RecordParser): Task | InvalidRecord | string {
  try {
    return parser.parse(text);
  } catch (error) {
    if (error instanceof JsonSyntaxError) return error.message;
    throw error;
  }
}

/** The column of an export with the complete record; the others are ignored. */
const RECORD = "record";

type Row = Readonly<{ record: string[]; info: { lines: number } }>;

/** Throws a TypeError if the text isn't UTF-8. A plain stream would replace characters. */
async function* decoded(chunks: AsyncIterable<Buffer>, signal: AbortSignal): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  for await (const chunk of chunks) {
    throwIfInterrupted(signal, NOTHING_IMPORTED);
    yield decoder.decode(chunk, { stream: true });
  }
  yield decoder.decode();
}

function recordOf(json: string | undefined, parser: RecordParser): Task | string {
  if (json === undefined || json === "") return `its column "${RECORD}" is empty`;
  const task = parsed(json, parser);
  if (typeof task === "string") return `its column "${RECORD}" is not JSON: ${task}`;
  return isInvalid(task) ? task.reason : task;
}

const NAMED = 10;

/** The invalid lines of an input. */
export class BadLines {
  readonly #named: string[] = [];
  count = 0;

  constructor(private readonly input: string) {}

  add(line: number, reason: string): void {
    this.count++;
    if (this.#named.length < NAMED) this.#named.push(`${this.input} line ${line}: ${reason}`);
  }

  warn(reporter: Reporter): void {
    for (const line of this.#named) reporter.warn(line);
    const more = this.count - this.#named.length;
    if (more > 0) reporter.warn(`${this.input}: ${counted(more, "more invalid line")}`);
  }

  error(): TtsctlError {
    const more = this.count > 1 ? ` (the first of ${this.count} such lines)` : "";
    const hint = "fix the lines, or leave them out with --skip-invalid";
    return invalid(`${this.#named[0]}${more}; nothing was imported`, hint);
  }
}
