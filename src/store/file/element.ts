import { type Spans, scanRecord } from "../../json/record.ts";
import { OPEN_BRACE, skipValue } from "../../json/scan.ts";

/**
 * One element of the store file, valid JSON in `bytes[from, end)`; `spans` say where its known fields stand if it is an
 * object. `offset` is the place of `from` in the file. The bytes and spans are reused: take what is needed at once.
 */
export type OnElement = (bytes: Buffer, from: number, end: number, offset: number, spans: Spans) => void;

/** Scans one value; the spans are those of an object, and empty for anything else. */
export function scanElement(bytes: Buffer, from: number, end: number, spans: Spans): number {
  if (bytes[from] === OPEN_BRACE) return scanRecord(bytes, from, end, spans);
  spans.clear();
  return skipValue(bytes, from, end);
}
