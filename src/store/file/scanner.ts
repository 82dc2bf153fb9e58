import type { FileHandle } from "node:fs/promises";
import { TtsctlError } from "../../errors.ts";
import type { OnElement } from "./element.ts";
import { feed } from "./feed.ts";
import { LineScan } from "./line-scan.ts";
import { SequenceScan } from "./sequence-scan.ts";
import { recogniseShape, type Shape } from "./shape.ts";

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
