import type { FileHandle } from "node:fs/promises";
import { TtsctlError } from "../../errors.ts";
import { OPEN_BRACE, OPEN_BRACKET, skipSpace } from "../../json/scan.ts";
import { feed, LineScan, type OnElement, SequenceScan, STOP, StoreSyntaxError } from "./elements.ts";
import type { FileIdentity } from "./identity.ts";

const NEWLINE = 0x0a;
const BYTE_ORDER_MARK = Buffer.from("\ufeff");

/** The three shapes of a store file (docs/contract.md, Store file). */
export type Shape = "array" | "map" | "jsonl";

export async function recogniseShape(handle: FileHandle): Promise<Shape> {
  const { byte, offset } = await firstByte(handle, 0);
  if (byte === undefined) throw new StoreSyntaxError("the file is empty", offset);
  if (byte === OPEN_BRACKET) return "array";
  if (byte === OPEN_BRACE) return (await isJsonLines(handle, offset)) ? "jsonl" : "map";
  if ((await bytesAt(handle, offset, BYTE_ORDER_MARK.length)).equals(BYTE_ORDER_MARK))
    throw new StoreSyntaxError("the file begins with a byte-order mark, which Python's json refuses", offset);
  throw new StoreSyntaxError("neither an array nor an object", offset);
}

/** The first byte that is not white space, from `start` on. */
async function firstByte(handle: FileHandle, start: number): Promise<{ byte?: number; offset: number; lines: number }> {
  const found: { byte?: number; offset: number; lines: number } = { offset: start, lines: 0 };
  await feed(handle, start, (bytes, from, end, offset) => {
    const at = skipSpace(bytes, from, end);
    for (let i = from; i < at; i++) if (bytes[i] === NEWLINE) found.lines++;
    found.offset = offset + at;
    if (at >= end) return end;
    found.byte = bytes[at]!;
    return STOP;
  });
  return found;
}

/** Whether the objects from `start` on are lines: one has string ids before any is over several lines. */
async function isJsonLines(handle: FileHandle, start: number): Promise<boolean> {
  for (let offset = start; ; ) {
    const object = await lookAtLine(handle, offset);
    if (object.isRecord) return true;
    if (object.close === 0) return false;
    const next = await firstByte(handle, object.close + 1);
    if (next.byte !== OPEN_BRACE || next.lines === 0) return false;
    offset = next.offset;
  }
}

/** The object that begins at `start`, scanned as far as its ids and the end of its line; `close` is 0 if it isn't closed there. */
async function lookAtLine(handle: FileHandle, start: number): Promise<SequenceScan> {
  const scan = new SequenceScan("map", () => {});
  try {
    await feed(handle, start, (bytes, from, end, offset, last) => {
      const newline = bytes.indexOf(NEWLINE, from);
      const isWhole = newline >= 0 && newline < end;
      const used = scan.consume(bytes, from, isWhole ? newline + 1 : end, offset, false);
      return isWhole || scan.close > 0 || last ? STOP : used;
    });
  } catch (error) {
    if (!(error instanceof StoreSyntaxError)) throw error; // the scan of the file reports it, unless it is a record's
  }
  return scan;
}

export interface ScanResult {
  readonly shape: Shape;
  /** Array or map: the positions of its brackets. */
  readonly open: number;
  readonly close: number;
  readonly size: number;
  /** Where an unfinished append to JSON Lines begins; of a file that may be cut, the element that it ends in, or what comes after its end. */
  readonly unfinished: number | null;
}

export interface ScanOptions {
  readonly signal?: AbortSignal | undefined;
  /** Whether an array or a map may end inside an element, or have more after its end, and has the elements before it. */
  readonly mayBeCut?: boolean;
}

/** Scans a store file in chunks that hold at least one whole element. @throws StoreSyntaxError with the place; INTERRUPTED */
export async function scanStore(
  handle: FileHandle,
  shape: Shape,
  onElement: OnElement,
  { signal, mayBeCut = false }: ScanOptions = {},
): Promise<ScanResult> {
  const scan = shape === "jsonl" ? new LineScan(onElement) : new SequenceScan(shape, onElement, mayBeCut);
  const size = await feed(handle, 0, (bytes, from, end, offset, last) => {
    if (signal?.aborted) throw new TtsctlError("INTERRUPTED", "interrupted while a file was read: nothing was changed");
    return scan.consume(bytes, from, end, offset, last);
  });
  const { open, close, unfinished } = scan;
  return { shape, open, close, size, unfinished };
}

export interface Content {
  readonly layout: ScanResult;
  /** JSON Lines only. */
  readonly footprint: Buffer | null;
  readonly identity: FileIdentity;
}

/** Bytes of each end: some lines. */
const FOOTPRINT = 1024;

/** Both ends of a content, to recognise it. */
export async function readFootprint(handle: FileHandle, size: number): Promise<Buffer> {
  const length = Math.min(FOOTPRINT, size);
  return Buffer.concat([await bytesAt(handle, 0, length), await bytesAt(handle, size - length, length)]);
}

async function bytesAt(handle: FileHandle, from: number, length: number): Promise<Buffer> {
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(length), 0, length, from);
  return buffer.subarray(0, bytesRead);
}

/** Scans what was appended to JSON Lines; null if size and both ends show another change. @throws StoreSyntaxError for a line that isn't JSON */
export async function scanAppended(
  handle: FileHandle,
  { layout, footprint }: Content,
  onElement: OnElement,
): Promise<Content | null> {
  const identity = await handle.stat({ bigint: true });
  if (footprint === null || identity.size < layout.size) return null;
  if (!footprint.equals(await readFootprint(handle, layout.size))) return null;
  if (layout.unfinished === null && footprint.at(-1) !== NEWLINE) {
    const [next = NEWLINE] = await bytesAt(handle, layout.size, 1);
    if (next !== NEWLINE) return null; // it continues the last line
  }
  const from = layout.unfinished ?? layout.size; // an unfinished append may have been finished since
  const scan = new LineScan(onElement, 1);
  const size = await feed(handle, from, scan.consume, Number(identity.size) - from);
  const grown = { ...layout, size, unfinished: scan.unfinished };
  return { layout: grown, footprint: await readFootprint(handle, size), identity };
}
