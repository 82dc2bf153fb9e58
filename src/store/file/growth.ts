import type { FileHandle } from "node:fs/promises";
import { feed } from "./feed.ts";
import { type FileIdentity, identityOf } from "./identity.ts";
import { LineScan } from "./line-scan.ts";
import type { RowReader } from "./row-reader.ts";
import type { ScanResult } from "./scanner.ts";

const NEWLINE = 0x0a;

/** What a file of JSON Lines became by being appended to. */
export interface Grown {
  readonly layout: ScanResult;
  readonly identity: FileIdentity;
}

/**
 * Scans what was appended to JSON Lines since they were scanned. Null where the file did not merely grow, so that only a
 * scan of the whole tells what it holds.
 * @throws StoreSyntaxError for what is appended and is no line
 */
export async function scanAppended(handle: FileHandle, layout: ScanResult, reader: RowReader): Promise<Grown | null> {
  const identity = identityOf(await handle.stat({ bigint: true }));
  if (layout.shape !== "jsonl" || identity.size < layout.size) return null;
  // An unfinished append may have been finished since.
  const from = layout.unfinished ?? layout.size;
  if (layout.unfinished === null && !(await beginsLine(handle, layout.size))) return null;
  const scan = new LineScan((bytes, start, end, offset, spans) => reader.add(bytes, start, end, offset, spans), 1);
  const size = await feed(
    handle,
    from,
    (bytes, start, end, offset, last) => scan.consume(bytes, start, end, offset, last),
    Number(identity.size) - from,
  );
  return { layout: { ...layout, size, unfinished: scan.unfinished }, identity };
}

/** Whether what is appended at `offset` is a line of its own, and no end of the last one. */
async function beginsLine(handle: FileHandle, offset: number): Promise<boolean> {
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(2), 0, 2, offset - 1);
  return buffer[0] === NEWLINE || bytesRead < 2 || buffer[1] === NEWLINE;
}
