import { isUtf8 } from "node:buffer";
import { Spans } from "../../json/record.ts";
import { INCOMPLETE, JsonSyntaxError, skipSpace } from "../../json/scan.ts";
import { isBlank } from "../../json/text.ts";
import { type OnElement, scanElement } from "./element.ts";
import { firstBadByte } from "./feed.ts";

/** JSON Lines: one value a line; blank lines are passed over. */
export class LineScan {
  readonly #onElement: OnElement;
  readonly #spans = new Spans();
  #lines: number;
  readonly open = 0;
  readonly close = 0;
  unfinished: number | null = null;

  /** @param linesBefore how many lines are known to stand before the bytes */
  constructor(onElement: OnElement, linesBefore = 0) {
    this.#onElement = onElement;
    this.#lines = linesBefore;
  }

  consume(bytes: Buffer, from: number, end: number, offset: number, last: boolean): number {
    let at = from;
    for (;;) {
      const newline = bytes.indexOf(0x0a, at);
      if (newline < 0 || newline >= end) break;
      this.#line(bytes, at, newline + 1, offset);
      at = newline + 1;
    }
    if (last && at < end) this.#lastLine(bytes, at, end, offset);
    return at;
  }

  /** @param end after the newline, which ends a number and cannot stand inside a string */
  #line(bytes: Buffer, from: number, end: number, offset: number): void {
    const start = skipSpace(bytes, from, end);
    if (start === end) return;
    const valueEnd = scanElement(bytes, start, end, this.#spans);
    if (valueEnd === INCOMPLETE) throw new JsonSyntaxError("the line ends inside a record", end - 1);
    if (!isBlank(bytes, valueEnd, end))
      throw new JsonSyntaxError("text after the record", skipSpace(bytes, valueEnd, end));
    this.#lines++;
    this.#onElement(bytes, start, valueEnd, offset + start, this.#spans);
  }

  /** A last line without a newline: a record, or an append that was never finished. */
  #lastLine(bytes: Buffer, from: number, end: number, offset: number): void {
    bytes[end] = 0x0a;
    try {
      const text = bytes.subarray(from, end);
      if (!isUtf8(text)) throw new JsonSyntaxError("not valid UTF-8", from + firstBadByte(text, text.length));
      this.#line(bytes, from, end + 1, offset);
      return;
    } catch (error) {
      if (this.#lines === 0 || !(error instanceof JsonSyntaxError)) throw error;
    }
    this.unfinished = offset + from;
  }
}
