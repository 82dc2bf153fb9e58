import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { closeQuietly, systemErrorCode, TtsctlError } from "../../errors.ts";
import { Snapshot } from "../../store/file/snapshot.ts";
import { RecordParser } from "../../task/parse.ts";
import type { RecordRules } from "../../task/rules.ts";
import { openTemporary, Spool, spoolFailed } from "../merge/spool.ts";
import { BadLines } from "./bad-lines.ts";
import { checkLines } from "./check-lines.ts";
import { readCsv } from "./csv-records.ts";
import { type Input, inputKind, unreadable } from "./open-input.ts";

/** An input that was read and checked whole. */
export interface Source {
  /** Its records. The caller closes it. */
  readonly records: Snapshot;
  readonly bad: BadLines;
}

/** What reads an input: where there is room for a copy, by which rules, and what ends it. */
export interface SourceReading {
  readonly storePath: string;
  readonly rules: RecordRules;
  readonly signal: AbortSignal;
}

/**
 * Reads the input as what its content shows it to be, and takes it over. Of a task twice the newer record counts, in
 * JSON Lines the last.
 * @throws TtsctlError IMPORT_INVALID if its format is unknown, IMPORT_UNREADABLE, SPOOL_FAILED, INTERRUPTED
 */
export async function readSource(input: Input, reading: SourceReading): Promise<Source> {
  try {
    const kind = await inputKind(input);
    if (kind === "json") return await readJson(input, reading);
    const source = await readCsvSource(input, reading);
    await closeQuietly(input.handle);
    return source;
  } catch (error) {
    await closeQuietly(input.handle);
    throw systemErrorCode(error) === undefined || error instanceof TtsctlError ? error : unreadable(input.name, error);
  }
}

/** A store file in any shape is read as it stands; only what that cannot read is looked at line by line. */
async function readJson(input: Input, reading: SourceReading): Promise<Source> {
  try {
    const records = await Snapshot.readHandle(input.handle, input.name, reading.rules, reading.signal);
    return { records, bad: await badOf(records) };
  } catch (error) {
    if (!(error instanceof TtsctlError) || error.code !== "STORE_INVALID") throw error;
    return readBrokenLines(input, reading, error);
  }
}

/** The invalid records of a file that is well-formed, and a last line that was never finished. */
async function badOf(records: Snapshot): Promise<BadLines> {
  const bad = new BadLines(records.path);
  for (const { offset, reason } of records.invalid.named) bad.add(await records.lineOf(offset), reason);
  bad.count = records.invalid.count;
  const unfinished = records.layout?.unfinished ?? null;
  if (unfinished !== null) bad.add(await records.lineOf(unfinished), "the file ends inside this line");
  return bad;
}

async function readBrokenLines(
  input: Input,
  { storePath, rules, signal }: SourceReading,
  error: TtsctlError,
): Promise<Source> {
  const bad = new BadLines(input.name);
  const valid = await openTemporary(storePath);
  try {
    const count = await checkLines(input.handle, new RecordParser(rules), bad, signal, (line) =>
      append(valid, line, storePath),
    );
    if (count === 0) throw new TtsctlError("IMPORT_INVALID", error.message, { hint: NOT_READABLE, cause: error });
    const records = await Snapshot.readHandle(valid, input.name, rules, signal);
    await closeQuietly(input.handle);
    return { records, bad };
  } catch (cause) {
    await closeQuietly(valid);
    throw cause;
  }
}

async function append(valid: FileHandle, line: Buffer, storePath: string): Promise<void> {
  try {
    await valid.appendFile(line);
  } catch (cause) {
    throw spoolFailed(dirname(storePath), cause);
  }
}

const NOT_READABLE = "nothing was imported; accepted: what ttsctl export and --backup write, and store files";

async function readCsvSource({ name, handle }: Input, { storePath, rules, signal }: SourceReading): Promise<Source> {
  const bad = new BadLines(name);
  const spool = await Spool.open(storePath);
  try {
    await readCsv(handle, new RecordParser(rules), bad, signal, (json) => spool.add(json));
    return { records: await spool.read(rules), bad };
  } catch (error) {
    await spool.close();
    throw error;
  }
}
