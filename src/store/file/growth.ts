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
  readonly footprint: Footprint;
  readonly identity: FileIdentity;
}

/** What is remembered of the bytes of a file that were scanned, to know them again. */
export interface Footprint {
  readonly head: Buffer;
  readonly tail: Buffer;
}

/** How much of each end is remembered: some lines, which tell one content from another. */
const FOOTPRINT = 1024;

/** That of the first `size` bytes. */
export async function readFootprint(handle: FileHandle, size: number): Promise<Footprint> {
  const length = Math.min(FOOTPRINT, size);
  return { head: await bytesAt(handle, 0, length), tail: await bytesAt(handle, size - length, length) };
}

async function bytesAt(handle: FileHandle, from: number, length: number): Promise<Buffer> {
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(length), 0, length, from);
  return buffer.subarray(0, bytesRead);
}

/**
 * Scans what was appended to JSON Lines since they were scanned. Null where the file did not merely grow, as far as its
 * size and the ends of what was scanned tell, so that only a scan of the whole tells what it holds.
 * @throws StoreSyntaxError for what is appended and is no line
 */
export async function scanAppended(
  handle: FileHandle,
  { layout, footprint, reader }: { layout: ScanResult; footprint: Footprint; reader: RowReader },
): Promise<Grown | null> {
  const identity = identityOf(await handle.stat({ bigint: true }));
  if (layout.shape !== "jsonl" || identity.size < layout.size) return null;
  const now = await readFootprint(handle, layout.size);
  if (!now.head.equals(footprint.head) || !now.tail.equals(footprint.tail)) return null;
  // An unfinished append may have been finished since.
  const from = layout.unfinished ?? layout.size;
  if (layout.unfinished === null && !(await beginsLine(handle, now.tail, layout.size))) return null;
  const scan = new LineScan((bytes, start, end, offset, spans) => reader.add(bytes, start, end, offset, spans), 1);
  const size = await feed(
    handle,
    from,
    (bytes, start, end, offset, last) => scan.consume(bytes, start, end, offset, last),
    Number(identity.size) - from,
  );
  const grown = { ...layout, size, unfinished: scan.unfinished };
  return { layout: grown, footprint: await readFootprint(handle, size), identity };
}

/** Whether what is appended at `size` is a line of its own, and no end of the last one. */
async function beginsLine(handle: FileHandle, tail: Buffer, size: number): Promise<boolean> {
  if (tail.at(-1) === NEWLINE) return true;
  const next = await bytesAt(handle, size, 1);
  return next.length === 0 || next[0] === NEWLINE;
}
