/** A longer line comes in pieces, so that a log without line ends does not fill the memory. */
export const LONGEST_LINE = 1 << 16;

const NEWLINE = 0x0a;

/** Makes lines of the pieces of a log, as they come. */
export class LineSplitter {
  #held: Buffer = Buffer.alloc(0);

  /** The lines that this piece ends. */
  push(bytes: Uint8Array): string[] {
    let rest = Buffer.concat([this.#held, bytes]);
    const lines: string[] = [];
    for (;;) {
      const end = rest.indexOf(NEWLINE);
      if (end >= 0 && end <= LONGEST_LINE) {
        lines.push(lineOf(rest.subarray(0, end)));
        rest = rest.subarray(end + 1);
      } else if (rest.length > LONGEST_LINE) {
        const cut = characterStart(rest, LONGEST_LINE);
        lines.push(lineOf(rest.subarray(0, cut)));
        rest = rest.subarray(cut);
      } else break;
    }
    this.#held = Buffer.from(rest);
    return lines;
  }

  /** The last line, where nothing ends it. */
  rest(): string[] {
    const held = this.#held;
    this.#held = Buffer.alloc(0);
    return held.length === 0 ? [] : [lineOf(held)];
  }
}

function lineOf(bytes: Buffer): string {
  return bytes.toString("utf8").replace(/\r$/, "");
}

/** Where the UTF-8 character begins that byte `at` belongs to. */
function characterStart(bytes: Buffer, at: number): number {
  let start = at;
  while (start > at - 4 && (bytes[start]! & 0xc0) === 0x80) start--;
  return start;
}
