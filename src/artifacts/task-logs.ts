import { printableJson } from "../printable.ts";
import { type Folder, ignoreRefusal } from "./folder.ts";
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
  for (const { hour: key, name } of (await logs.find(names)).reverse()) {
    if (wanted === 0) break;
    const part = await logs.use(key, (hour) => lastLinesIn(hour, name, wanted)).catch(ignoreRefusal);
    if (part === undefined) continue;
    wanted -= part.lines.length;
    parts.unshift(part);
  }
  return parts;
}

/** The logs of a task, oldest first, in pieces: at most one of them is held in memory. */
export async function* allLogLines(logs: LogFolders, names: readonly string[]): AsyncGenerator<LogPart> {
  for (const { hour: key, name } of await logs.find(names)) {
    const tail = await logs.use(key, (hour) => LogTail.openIfThere(hour, name)).catch(ignoreRefusal);
    if (tail === undefined) continue;
    try {
      for (let lines = await tail.read(); lines !== undefined; lines = await tail.read()) {
        if (lines.length > 0) yield { path: tail.path, lines };
      }
      const lines = tail.rest();
      if (lines.length > 0) yield { path: tail.path, lines };
    } finally {
      await tail.close();
    }
  }
}

async function lastLinesIn(hour: Folder, name: string, count: number): Promise<LogPart | undefined> {
  const tail = await LogTail.openIfThere(hour, name);
  if (tail === undefined) return undefined;
  try {
    await tail.seekToLast(count);
    const lines: string[] = [];
    for (let more = await tail.read(); more !== undefined; more = await tail.read()) {
      lines.push(...more);
      lines.splice(0, lines.length - count); // it may grow during the read
    }
    return { path: tail.path, lines: [...lines, ...tail.rest()].slice(-count) };
  } finally {
    await tail.close();
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
    this.#fromDate = await this.#logs.newestDate();
    for (const place of places.slice(-MOST_FOLLOWED)) await this.#open(place);
    if (count === null) return this.#tails.size > 0;
    let wanted = count;
    for (const { tail } of [...this.#tails.values()].reverse()) wanted -= await tail.seekToLast(wanted);
    return this.#tails.size > 0;
  }

  /** The next lines; undefined without new ones. At most a piece of a log is held in memory. */
  async read(): Promise<LogPart | undefined> {
    if (this.#left.length > 0) return this.#left.shift();
    for (const { tail } of this.#tails.values()) {
      const lines = await tail.read();
      if (lines !== undefined) return { path: tail.path, lines };
    }
    return undefined;
  }

  /** Looks for logs of later hours, and for logs that were replaced or truncated, which are named. */
  async look(): Promise<string[]> {
    const news: string[] = [];
    for (const { place, tail } of this.#tails.values()) {
      if (await tail.takeCut()) news.push(`${printableJson(tail.path)} was truncated`);
      if (await this.#isReplaced(place, tail)) news.push(`${printableJson(tail.path)} was replaced`);
    }
    for (const place of await this.#logs.find(this.#names, this.#fromDate)) {
      if (!this.#tails.has(place.path)) await this.#open(place);
    }
    return news;
  }

  /** Last lines that nothing ends. */
  rest(): LogPart[] {
    const parts = [...this.#tails.values()].map(({ tail }) => ({ path: tail.path, lines: tail.rest() }));
    return [...this.#left, ...parts].filter(({ lines }) => lines.length > 0);
  }

  async close(): Promise<void> {
    for (const { tail } of this.#tails.values()) await tail.close();
    this.#tails.clear();
  }

  /** Switches to the file that now has the name, once the old one is read to its end. */
  async #isReplaced(place: NamedLog, tail: LogTail): Promise<boolean> {
    const { name } = place;
    if (!(await tail.isAtEnd())) return false;
    const openNext = async (hour: Folder) =>
      (await tail.isReplacedIn(hour, name)) ? LogTail.openIfThere(hour, name) : undefined;
    const next = await this.#logs.use(place.hour, openNext).catch(ignoreRefusal);
    if (next === undefined) return false;
    await this.#leave(tail);
    this.#tails.set(place.path, { place, tail: next });
    return true;
  }

  async #open(place: NamedLog): Promise<void> {
    const tail = await this.#logs.use(place.hour, (hour) => LogTail.openIfThere(hour, place.name)).catch(ignoreRefusal);
    if (tail === undefined) return;
    this.#tails.set(place.path, { place, tail });
    const [oldest] = this.#tails;
    if (this.#tails.size <= MOST_FOLLOWED || oldest === undefined) return;
    this.#tails.delete(oldest[0]);
    await this.#leave(oldest[1].tail);
  }

  async #leave(tail: LogTail): Promise<void> {
    const lines = tail.rest();
    if (lines.length > 0) this.#left.push({ path: tail.path, lines });
    await tail.close();
  }
}
