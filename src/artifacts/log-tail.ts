import { closeSync, fstatSync, readSync } from "node:fs";
import type { Folder } from "./folder.ts";

const NEWLINE = 0x0a;
const PIECE = 1 << 16;
/** How far back the last lines are looked for, in bytes. */
const FARTHEST_BACK = 1 << 22;

/** One log held open and read forward. Holds no more of it than a piece and an unfinished line. */
export class LogTail {
  readonly #piece = Buffer.allocUnsafe(PIECE);
  /** The line that no end was read of. */
  #held: Buffer = Buffer.alloc(0);
  #position = 0;
  #wasCut = false;

  private constructor(
    readonly path: string,
    private readonly fd: number,
  ) {}

  /** Opens a log at its beginning; undefined if it is missing. @throws Kept for a link, or anything but a file */
  static openIfThere(hour: Folder, name: string): LogTail | undefined {
    const fd = hour.openFileIfThere(name);
    return fd === undefined ? undefined : new LogTail(hour.labelOf(name), fd);
  }

  /** Seeks to the start of the last `count` lines, at most 4 MiB before the end. Returns how many lines there are. */
  seekToLast(count: number): number {
    const { size } = fstatSync(this.fd);
    const from = Math.max(0, size - FARTHEST_BACK);
    const buffer = Buffer.alloc(size - from);
    const bytesRead = readSync(this.fd, buffer, 0, size - from, from);
    let [start, lines] = [bytesRead, 0];
    while (lines < count && start > 0) {
      const endBefore = start === 1 ? -1 : buffer.lastIndexOf(NEWLINE, start - 2);
      if (endBefore < 0 && from > 0) break;
      start = endBefore + 1;
      lines++;
    }
    const beginsFartherBack = lines === 0 && count > 0;
    this.#position = beginsFartherBack ? Math.max(0, size - LONGEST_LINE) : from + start;
    return lines;
  }

  /** The lines that end in the next piece of the log; undefined without new ones. */
  read(): string[] | undefined {
    const bytesRead = readSync(this.fd, this.#piece, 0, PIECE, this.#position);
    if (bytesRead === 0) this.#restartIfCut();
    this.#position += bytesRead;
    return bytesRead === 0 ? undefined : this.#split(this.#piece.subarray(0, bytesRead));
  }

  rest(): string[] {
    const held = this.#held;
    this.#held = Buffer.alloc(0);
    return held.length === 0 ? [] : [lineOf(held)];
  }

  *toEnd(): Generator<string[]> {
    for (let lines = this.read(); lines !== undefined; lines = this.read()) yield lines;
    yield this.rest();
  }

  isAtEnd(): boolean {
    return fstatSync(this.fd).size <= this.#position;
  }

  /** A truncated log is read again from its beginning. */
  #restartIfCut(): void {
    if (fstatSync(this.fd).size >= this.#position) return;
    this.#position = 0;
    this.#held = Buffer.alloc(0);
    this.#wasCut = true;
  }

  /** Whether the log was truncated since the last call. */
  takeCut(): boolean {
    this.#restartIfCut();
    const wasCut = this.#wasCut;
    this.#wasCut = false;
    return wasCut;
  }

  isReplacedIn(hour: Folder, name: string): boolean {
    const [there, ours] = [hour.exactStats(name), fstatSync(this.fd, { bigint: true })];
    return there?.isFile() === true && (there.ino !== ours.ino || there.dev !== ours.dev);
  }

  close(): void {
    closeSync(this.fd);
  }

  #split(bytes: Uint8Array): string[] {
    let rest = Buffer.concat([this.#held, bytes]);
    const lines: string[] = [];
    for (;;) {
      const end = rest.indexOf(NEWLINE);
      const isWhole = end >= 0 && end <= LONGEST_LINE;
      if (!isWhole && rest.length <= LONGEST_LINE) break;
      const cut = isWhole ? end : characterStart(rest, LONGEST_LINE);
      lines.push(lineOf(rest.subarray(0, cut)));
      rest = rest.subarray(isWhole ? cut + 1 : cut);
    }
    this.#held = Buffer.from(rest);
    return lines;
  }
}

/** A longer line is split: a log without line ends must not fill the memory. */
export const LONGEST_LINE = 1 << 16;

function lineOf(bytes: Buffer): string {
  return bytes.toString("utf8").replace(/\r$/, "");
}

/** The start of the UTF-8 character that contains byte `at`. */
function characterStart(bytes: Buffer, at: number): number {
  let start = at;
  while (start > at - 4 && (bytes[start]! & 0xc0) === 0x80) start--;
  return start;
}
