import type { FileHandle } from "node:fs/promises";
import { TtsctlError } from "../../errors.ts";
import { LineScan, type OnElement, SequenceScan } from "./elements.ts";
import { feed } from "./feed.ts";
import { type FileIdentity, identityOf } from "./identity.ts";
import type { RowReader } from "./row-reader.ts";
import { recogniseShape, type Shape } from "./shape.ts";

const NEWLINE = 0x0a;

/** Takes what the scan finds: first the shape, then each element. */
export interface ScanSink {
  shape(shape: Shape): void;
  element: OnElement;
}

export interface ScanResult {
  readonly shape: Shape;
  /** Array or map: where the opening and the closing bracket stand. */
  readonly open: number;
  readonly close: number;
  readonly size: number;
  /** JSON Lines: where an append that was never finished begins. */
  readonly unfinished: number | null;
}

/**
 * Scans a store file from its first byte to its last, in chunks that hold at least one whole element, and tells the
 * sink of each. Nothing but the largest element bounds the memory.
 * @throws StoreSyntaxError for anything that is not an array, a map or JSON Lines (SPEC section 2); INTERRUPTED
 */
export async function scanStore(handle: FileHandle, sink: ScanSink, signal?: AbortSignal): Promise<ScanResult> {
  const shape = await recogniseShape(handle);
  sink.shape(shape);
  const scan = shape === "jsonl" ? new LineScan(sink.element) : new SequenceScan(shape, sink.element);
  const size = await feed(handle, 0, (bytes, from, end, offset, last) => {
    if (signal?.aborted) throw new TtsctlError("INTERRUPTED", "interrupted while a file was read: nothing was changed");
    return scan.consume(bytes, from, end, offset, last);
  });
  const { open, close, unfinished } = scan;
  return { shape, open, close, size, unfinished };
}

/** A content of a file that was scanned. */
export interface Content {
  readonly layout: ScanResult;
  /** Of JSON Lines, which may grow. */
  readonly footprint: Footprint | null;
  readonly identity: FileIdentity;
}

/** Both ends of what was scanned, to recognise it. */
interface Footprint {
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
 * Scans what was appended to JSON Lines since they were scanned. Null if the file didn't only grow, as far as its size and
 * both ends of what was scanned show; then all of it must be scanned again.
 * @throws StoreSyntaxError for an appended line that isn't JSON
 */
export async function scanAppended(
  handle: FileHandle,
  { layout, footprint }: Content,
  reader: RowReader,
): Promise<Content | null> {
  const identity = identityOf(await handle.stat({ bigint: true }));
  if (footprint === null || identity.size < layout.size) return null;
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

/** Whether what was appended at `size` is a line of its own, not the end of the last one. */
async function beginsLine(handle: FileHandle, tail: Buffer, size: number): Promise<boolean> {
  if (tail.at(-1) === NEWLINE) return true;
  const next = await bytesAt(handle, size, 1);
  return next.length === 0 || next[0] === NEWLINE;
}
