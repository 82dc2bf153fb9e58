import { isUtf8 } from "node:buffer";
import type { FileHandle } from "node:fs/promises";
import { JsonSyntaxError } from "../../json/scan.ts";

/** The file isn't a store file, as the byte at `offset` shows. */
export class StoreSyntaxError extends Error {
  readonly offset: number;

  constructor(what: string, offset: number) {
    super(what);
    this.offset = offset;
  }
}

const CHUNK = 1 << 20;
/** For the byte behind the last one, and to see the end of the file. */
const SPARE = 64;

/**
 * Consumes whole elements of `bytes[from, end)` and returns the position after them; `offset` is that of `bytes[0]`. If
 * `last`, the file ends at `end`. The byte at `end` may be overwritten.
 */
export type Consume = (bytes: Buffer, from: number, end: number, offset: number, last: boolean) => number;

/**
 * Reads the file from `start`; bytes that weren't consumed come again, with more. Returns the file's size.
 * @param expected bytes, if known: a few need no large chunk
 */
export async function feed(handle: FileHandle, start: number, consume: Consume, expected = CHUNK): Promise<number> {
  let bytes = Buffer.allocUnsafe(Math.min(CHUNK, expected + SPARE));
  let held = 0;
  let offset = start;
  for (;;) {
    if (held + 1 >= bytes.length) bytes = Buffer.concat([bytes.subarray(0, held)], bytes.length * 2);
    const { bytesRead } = await handle.read(bytes, held, bytes.length - held - 1, offset + held);
    held += bytesRead;
    const used = consumeChecked(consume, bytes, held, offset, bytesRead === 0);
    if (bytesRead === 0 || used === STOP) return offset + held;
    bytes.copy(bytes, 0, used, held);
    held -= used;
    offset += used;
  }
}

/** A consumer returns this to end the reading. */
export const STOP = -2;

function consumeChecked(consume: Consume, bytes: Buffer, held: number, offset: number, last: boolean): number {
  try {
    const used = consume(bytes, 0, held, offset, last);
    if (used !== STOP && !isUtf8(bytes.subarray(0, used))) {
      throw new StoreSyntaxError("not valid UTF-8", offset + firstBadByte(bytes, used));
    }
    return used;
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw new StoreSyntaxError(error.message, offset + error.position);
    throw error;
  }
}

/** The first byte that doesn't begin a UTF-8 character. */
export function firstBadByte(bytes: Buffer, end: number): number {
  let at = 0;
  while (at < end) {
    const next = at + characterLength(bytes[at]!);
    if (bytes[at]! >= 0x80 && !isUtf8(bytes.subarray(at, next))) break;
    at = next;
  }
  return at;
}

function characterLength(byte: number): number {
  if (byte < 0x80) return 1;
  return byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}
