import { closeSync, fstatSync, readSync } from "node:fs";
import { printableJson } from "../printable.ts";
import { type Folder, FolderError, ignoreRefusal } from "./folder.ts";
import type { LogFolders, NamedLog } from "./logs.ts";

/** A task that runs for hours may leave a log in each hour; the oldest are no longer written. */
const MOST_FOLLOWED = 4;

export interface LogPart {
  path: string;
  lines: string[];
}

/** The logs of one task, oldest first. Those that can't be read are left out, and `unread` has the reasons. */
export class TaskLogs {
  readonly unread = new Set<string>();
  /** The followed logs by path, oldest first. */
  readonly #tails = new Map<string, { readonly place: NamedLog; readonly tail: LogTail }>();
  /** The unread rest of logs that are no longer followed. */
  readonly #left: LogPart[] = [];
  /** The newest date when following began, where new logs appear. */
  #fromDate = "";
  readonly [Symbol.dispose] = () => this.close();

  constructor(
    private readonly folders: LogFolders,
    private readonly names: readonly string[],
  ) {}

  /** The last lines: those of the newest log, and of older ones as far as needed. */
  async last(count: number): Promise<LogPart[]> {
    const parts: LogPart[] = [];
    let wanted = count;
    for (const place of (await this.#find()).reverse()) {
      using tail = wanted > 0 ? this.#open(place) : undefined;
      const part = tail && this.#readable(() => lastLines(tail, wanted));
      if (part === undefined) continue;
      wanted -= part.lines.length;
      parts.unshift(part);
    }
    return parts;
  }

  /** All lines in pieces: at most one of them is held in memory. */
  async *all(): AsyncGenerator<LogPart> {
    for (const place of await this.#find()) {
      using tail = this.#open(place);
      for (const lines of tail?.toEnd() ?? []) if (lines.length > 0) yield { path: tail!.path, lines };
    }
  }

  /**
   * Begins to follow the logs, as `tail -F` does: new lines, new hours, logs that are replaced or truncated. Seeks to the last
   * `count` lines, or (null) the first, which `read` returns first. Returns whether there is a log yet. The caller closes the logs.
   */
  async begin(count: number | null): Promise<boolean> {
    const places = await this.#find();
    this.#fromDate = this.folders.newestDate();
    for (const place of places.slice(-MOST_FOLLOWED)) this.#follow(place);
    let wanted = count ?? 0;
    if (count !== null) for (const { tail } of [...this.#tails.values()].reverse()) wanted -= tail.seekToLast(wanted);
    return this.#tails.size > 0;
  }

  /** The next lines, perhaps none of this log; undefined without new ones. At most a piece of a log is held in memory. */
  read(): LogPart | undefined {
    if (this.#left.length > 0) return this.#left.shift();
    for (const { tail } of this.#tails.values()) {
      const lines = tail.read();
      if (lines !== undefined) return { path: tail.path, lines };
    }
    return undefined;
  }

  /** Looks for logs of later hours, and for logs that were replaced or truncated, which are named. */
  async look(): Promise<string[]> {
    const news: string[] = [];
    for (const { place, tail } of this.#tails.values()) {
      if (tail.takeCut()) news.push(`${printableJson(tail.path)} was truncated`);
      if (this.#isReplaced(place, tail)) news.push(`${printableJson(tail.path)} was replaced`);
    }
    for (const place of await this.#find(this.#fromDate)) if (!this.#tails.has(place.path)) this.#follow(place);
    return news;
  }

  /** Last lines that nothing ends. */
  rest(): LogPart[] {
    const parts = [...this.#tails.values()].map(({ tail }) => ({ path: tail.path, lines: tail.rest() }));
    return [...this.#left, ...parts].filter(({ lines }) => lines.length > 0);
  }

  close(): void {
    for (const { tail } of this.#tails.values()) tail.close();
    this.#tails.clear();
  }

  #find(fromDate?: string): Promise<NamedLog[]> {
    return this.folders.find(this.names, (reason) => this.unread.add(reason), fromDate);
  }

  #readable<R>(work: () => R): R | undefined {
    try {
      return work();
    } catch (error) {
      if (error instanceof FolderError) this.unread.add(error.message);
      return ignoreRefusal(error);
    }
  }

  #open({ hour, name }: NamedLog): LogTail | undefined {
    return this.#readable(() => this.folders.use(hour, (folder) => LogTail.openIfThere(folder, name)));
  }

  /** Switches to the file that now has the name, once the old one is read to its end. */
  #isReplaced(place: NamedLog, tail: LogTail): boolean {
    if (!tail.isAtEnd()) return false;
    const isOther = this.#readable(() => this.folders.use(place.hour, (hour) => tail.isReplacedIn(hour, place.name)));
    const next = isOther ? this.#open(place) : undefined;
    if (next === undefined) return false;
    this.#leave(tail);
    this.#tails.set(place.path, { place, tail: next });
    return true;
  }

  #follow(place: NamedLog): void {
    const tail = this.#open(place);
    if (tail === undefined) return;
    this.#tails.set(place.path, { place, tail });
    const [oldest] = this.#tails;
    if (this.#tails.size <= MOST_FOLLOWED || oldest === undefined) return;
    this.#tails.delete(oldest[0]);
    this.#leave(oldest[1].tail);
  }

  #leave(tail: LogTail): void {
    this.#left.push({ path: tail.path, lines: tail.rest() });
    tail.close();
  }
}

function lastLines(tail: LogTail, count: number): LogPart {
  tail.seekToLast(count);
  const lines: string[] = [];
  for (const more of tail.toEnd()) {
    lines.push(...more);
    lines.splice(0, lines.length - count); // it may grow during the read
  }
  return { path: tail.path, lines };
}

const NEWLINE = 0x0a;
const PIECE = 1 << 16;
/** How far back the last lines are looked for, in bytes. */
const FARTHEST_BACK = 1 << 22;

/** One log held open and read forward. Holds no more of it than a piece and an unfinished line. */
class LogTail {
  readonly #piece = Buffer.allocUnsafe(PIECE);
  /** The line that no end was read of. */
  #held: Buffer = Buffer.alloc(0);
  #position = 0;
  #wasCut = false;
  readonly [Symbol.dispose] = () => this.close();

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
