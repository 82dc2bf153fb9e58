import { Spans } from "../../json/record.ts";
import {
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COMMA,
  INCOMPLETE,
  JsonSyntaxError,
  QUOTE,
  skipColon,
  skipSpace,
  skipString,
} from "../../json/scan.ts";
import { decodeString } from "../../json/text.ts";
import { type OnElement, scanElement } from "./element.ts";
import { StoreSyntaxError } from "./feed.ts";

/** Array or map: elements between brackets, up to white space at the end of the file. */
export class SequenceScan {
  readonly #map: boolean;
  readonly #close: number;
  readonly #onElement: OnElement;
  readonly #spans = new Spans();
  #state: "before" | "first" | "next" | "after" = "before";
  #recordFields = 0;
  open = 0;
  close = 0;
  readonly unfinished = null;

  constructor(shape: "array" | "map", onElement: OnElement) {
    this.#map = shape === "map";
    this.#close = this.#map ? CLOSE_BRACE : CLOSE_BRACKET;
    this.#onElement = onElement;
  }

  consume(bytes: Buffer, from: number, end: number, offset: number, last: boolean): number {
    let done = from;
    for (;;) {
      const at = skipSpace(bytes, done, end);
      if (at >= end || this.#state === "after") return this.#atEnd(at, end, offset, last);
      const next = this.#step(bytes, at, end, offset);
      if (next === INCOMPLETE) return last ? this.#cut(offset + end) : done;
      done = next;
    }
  }

  #atEnd(at: number, end: number, offset: number, last: boolean): number {
    if (this.#state !== "after") return last ? this.#cut(offset + end) : at;
    if (at < end) throw new JsonSyntaxError(`text after the closing '${String.fromCharCode(this.#close)}'`, at);
    return at;
  }

  #cut(offset: number): never {
    throw new StoreSyntaxError(`the file ends too early: it was cut inside the ${this.#map ? "map" : "array"}`, offset);
  }

  #step(bytes: Buffer, at: number, end: number, offset: number): number {
    if (this.#state === "before") {
      this.open = offset + at;
      this.#state = "first";
      return at + 1;
    }
    if (bytes[at] === this.#close) {
      this.close = offset + at;
      this.#state = "after";
      return at + 1;
    }
    let from = at;
    if (this.#state === "next") {
      if (bytes[at] !== COMMA) {
        throw new JsonSyntaxError(`',' or '${String.fromCharCode(this.#close)}' is missing`, at);
      }
      from = skipSpace(bytes, at + 1, end);
    }
    const next = from >= end ? INCOMPLETE : this.#element(bytes, from, end, offset);
    if (next !== INCOMPLETE) this.#state = "next";
    return next;
  }

  #element(bytes: Buffer, from: number, end: number, offset: number): number {
    let at = from;
    let keyEnd = from;
    if (this.#map) {
      if (bytes[at] !== QUOTE) throw new JsonSyntaxError("a key in double quotes is missing", at);
      keyEnd = skipString(bytes, at + 1, end);
      if (keyEnd === INCOMPLETE) return INCOMPLETE;
      at = skipColon(bytes, keyEnd, end);
      if (at === INCOMPLETE) return INCOMPLETE;
    }
    const next = scanElement(bytes, at, end, this.#spans);
    if (next === INCOMPLETE) return INCOMPLETE;
    if (this.#map && bytes[at] === QUOTE) this.#refuseLoneRecord(bytes, from, keyEnd);
    this.#onElement(bytes, at, next, offset + at, this.#spans);
    return next;
  }

  /** A record over several lines looks like a map whose values are its fields. */
  #refuseLoneRecord(bytes: Buffer, keyFrom: number, keyEnd: number): void {
    const key = decodeString(bytes, keyFrom, keyEnd);
    if (key === "user_id") this.#recordFields |= 1;
    if (key === "task_id") this.#recordFields |= 2;
    if (this.#recordFields === 3) {
      throw new JsonSyntaxError("one record by itself, over several lines: neither a map nor JSON Lines", keyFrom);
    }
  }
}
