import { printableJson } from "../printable.ts";
import { ignoreRefusal } from "./folder.ts";
import { LogTail } from "./log-tail.ts";
import type { LogFolders, NamedLog } from "./logs.ts";

/** A task that runs for hours may leave a log in each hour; the oldest are no longer written. */
const MOST_FOLLOWED = 4;

/** Some lines of one log; `path` as in an Artifact. */
export interface LogPart {
  path: string;
  lines: string[];
}

/** The last lines of the logs of a task, oldest first: those of the newest log, and of older ones as far as needed. */
export async function lastLogLines(logs: LogFolders, names: readonly string[], count: number): Promise<LogPart[]> {
  const parts: LogPart[] = [];
  let wanted = count;
  for (const place of (await logs.find(names)).reverse()) {
    if (wanted === 0) break;
    const tail = openTail(logs, place);
    const part = tail && readable(() => lastLines(tail, wanted));
    if (part === undefined) continue;
    wanted -= part.lines.length;
    parts.unshift(part);
  }
  return parts;
}

/** The logs of a task, oldest first, in pieces: at most one of them is held in memory. */
export async function* allLogLines(logs: LogFolders, names: readonly string[]): AsyncGenerator<LogPart> {
  for (const place of await logs.find(names)) {
    const tail = openTail(logs, place);
    if (tail === undefined) continue;
    try {
      for (let lines = tail.read(); lines !== undefined; lines = tail.read()) {
        if (lines.length > 0) yield { path: tail.path, lines };
      }
      const lines = tail.rest();
      if (lines.length > 0) yield { path: tail.path, lines };
    } finally {
      tail.close();
    }
  }
}

/** Undefined for a log that is gone or can't be read. */
function openTail(logs: LogFolders, { hour, name }: NamedLog): LogTail | undefined {
  return readable(() => logs.use(hour, (folder) => LogTail.openIfThere(folder, name)));
}

function readable<R>(work: () => R): R | undefined {
  try {
    return work();
  } catch (error) {
    return ignoreRefusal(error);
  }
}

function lastLines(tail: LogTail, count: number): LogPart {
  try {
    tail.seekToLast(count);
    const lines: string[] = [];
    for (let more = tail.read(); more !== undefined; more = tail.read()) {
      lines.push(...more);
      lines.splice(0, lines.length - count); // it may grow during the read
    }
    return { path: tail.path, lines: [...lines, ...tail.rest()].slice(-count) };
  } finally {
    tail.close();
  }
}

/** Follows the logs of one task, as `tail -F` does: new lines, new hours, logs that are replaced or truncated. */
export class TaskLogFollower {
  readonly #logs: LogFolders;
  readonly #names: readonly string[];
  /** By path, oldest first. */
  readonly #tails = new Map<string, { readonly place: NamedLog; readonly tail: LogTail }>();
  /** The unread rest of logs that are no longer followed. */
  readonly #left: LogPart[] = [];
  /** The newest date, where new logs appear. */
  #fromDate = "";

  /** @param names that the files of the task's logs may have */
  constructor(logs: LogFolders, names: readonly string[]) {
    this.#logs = logs;
    this.#names = names;
  }

  /** Seeks to the last `count` lines, or (null) the first, which `read` returns first. Returns whether there is a log yet. */
  async begin(count: number | null): Promise<boolean> {
    const places = await this.#logs.find(this.#names);
    this.#fromDate = this.#logs.newestDate();
    for (const place of places.slice(-MOST_FOLLOWED)) this.#open(place);
    if (count === null) return this.#tails.size > 0;
    let wanted = count;
    for (const { tail } of [...this.#tails.values()].reverse()) wanted -= tail.seekToLast(wanted);
    return this.#tails.size > 0;
  }

  /** The next lines; undefined without new ones. At most a piece of a log is held in memory. */
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
    for (const place of await this.#logs.find(this.#names, this.#fromDate)) {
      if (!this.#tails.has(place.path)) this.#open(place);
    }
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

  /** Switches to the file that now has the name, once the old one is read to its end. */
  #isReplaced(place: NamedLog, tail: LogTail): boolean {
    if (!tail.isAtEnd()) return false;
    const isOther = readable(() => this.#logs.use(place.hour, (hour) => tail.isReplacedIn(hour, place.name)));
    const next = isOther ? openTail(this.#logs, place) : undefined;
    if (next === undefined) return false;
    this.#leave(tail);
    this.#tails.set(place.path, { place, tail: next });
    return true;
  }

  #open(place: NamedLog): void {
    const tail = openTail(this.#logs, place);
    if (tail === undefined) return;
    this.#tails.set(place.path, { place, tail });
    const [oldest] = this.#tails;
    if (this.#tails.size <= MOST_FOLLOWED || oldest === undefined) return;
    this.#tails.delete(oldest[0]);
    this.#leave(oldest[1].tail);
  }

  #leave(tail: LogTail): void {
    const lines = tail.rest();
    if (lines.length > 0) this.#left.push({ path: tail.path, lines });
    tail.close();
  }
}
