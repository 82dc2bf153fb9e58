import { constants } from "node:buffer";
import type { FileHandle } from "node:fs/promises";
import { TextDecoder } from "node:util";
import { CsvError, parse } from "csv-parse";
import { TtsctlError, throwIfInterrupted } from "../../errors.ts";
import { JsonSyntaxError } from "../../json/scan.ts";
import type { RecordParser } from "../../task/parse.ts";
import { isInvalid, type Task } from "../../task/task.ts";
import type { BadLines } from "./bad-lines.ts";
import { NOTHING_IMPORTED } from "./open-input.ts";

/** The column of an export that holds the whole record; the others are for people, and are not looked at. */
const RECORD = "record";

interface Row {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

/**
 * Hands on the records of CSV as `export` writes it, and notes the lines that hold none.
 * @throws TtsctlError IMPORT_INVALID where the head names no column `record`, INTERRUPTED
 */
export async function readCsv(
  handle: FileHandle,
  parser: RecordParser,
  bad: BadLines,
  signal: AbortSignal,
  onRecord: (json: string) => Promise<void>,
): Promise<void> {
  const rows = parse({
    ...{ bom: true, info: true, relax_column_count: true, skip_empty_lines: true },
    max_record_size: constants.MAX_STRING_LENGTH,
  });
  const fed = feed(handle, rows, signal);
  let column = -1;
  try {
    for await (const { record, info } of rows as AsyncIterable<Row>) {
      if (column < 0) column = recordColumn(record);
      else {
        const task = recordOf(record[column], parser);
        if (typeof task === "string") bad.add(info.lines, task);
        else await onRecord(task.json);
      }
    }
  } catch (error) {
    if (error instanceof CsvError) bad.add(Number(error.lines ?? 0), `no CSV: ${error.message}`);
    else if (error instanceof TypeError) bad.add(1, "not valid UTF-8; save it as UTF-8");
    else throw error;
  }
  await fed;
}

/** Text that is not UTF-8 ends it with a TypeError, where a plain stream would put in other characters. */
async function feed(handle: FileHandle, rows: ReturnType<typeof parse>, signal: AbortSignal): Promise<void> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  try {
    for await (const chunk of handle.createReadStream({ start: 0, autoClose: false })) {
      throwIfInterrupted(signal, NOTHING_IMPORTED);
      const text = decoder.decode(chunk as Buffer, { stream: true });
      if (rows.destroyed) return;
      if (!rows.write(text)) await drained(rows);
    }
    rows.end(decoder.decode());
  } catch (error) {
    rows.destroy(error as Error);
  }
}

function drained(rows: ReturnType<typeof parse>): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      rows.off("drain", done).off("close", done);
      resolve();
    };
    rows.on("drain", done).on("close", done);
  });
}

function recordColumn(head: readonly string[]): number {
  const column = head.indexOf(RECORD);
  if (column >= 0) return column;
  throw new TtsctlError("IMPORT_INVALID", `neither JSON nor CSV with a column ${RECORD}`, {
    hint: "accepted: what ttsctl export and --backup write, and store files",
  });
}

function recordOf(json: string | undefined, parser: RecordParser): Task | string {
  if (json === undefined || json === "") return `its column ${RECORD} is empty`;
  try {
    const task = parser.parse(json);
    return isInvalid(task) ? task.reason : task;
  } catch (error) {
    if (error instanceof JsonSyntaxError) return `its column ${RECORD} is not JSON: ${error.message}`;
    throw error;
  }
}
