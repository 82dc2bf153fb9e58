import { isUtf8 } from "node:buffer";
import type { FileHandle } from "node:fs/promises";
import { JsonSyntaxError } from "../../json/scan.ts";

/** The file is not what a store file can be; `offset` is the byte at which that shows. */
export class StoreSyntaxError extends Error {
  readonly offset: number;

  constructor(what: string, offset: number) {
    super(what);
    this.offset = offset;
  }
}

const CHUNK = 1 << 20;
/** Room for the byte behind the last one, and to see that nothing follows. */
const SPARE = 64;

/**
 * Takes what is whole in `bytes[from, end)` and returns the position after it; `offset` is that of `bytes[0]`. `last`
 * says that the file ends at `end`. The byte at `end` may be written to.
 */
export type Consume = (bytes: Buffer, from: number, end: number, offset: number, last: boolean) => number;

/**
 * Reads the file from `start` and hands it on; what was not consumed comes again, with more. Returns the file's size.
 * @param expected how many bytes there are as far as is known: a few need no large chunk
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

/** What a consumer returns when it has seen enough. */
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

/** Where the first byte stands that begins no UTF-8 character. */
export function firstBadByte(bytes: Buffer, end: number): number {
  let at = 0;
  while (at < end) {
    const next = at + characterLength(bytes[at]!);
    if (bytes[at]! >= 0x80 && !isUtf8(bytes.subarray(at, next))) break;
    at = next;
  }
  return at;
}

/** How many bytes the UTF-8 character has that begins with `byte`. */
function characterLength(byte: number): number {
  if (byte < 0x80) return 1;
  return byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}
