import { systemErrorCode } from "../errors.ts";
import { printableJson } from "../printable.ts";
import { FolderError, Kept } from "./failure.ts";
import type { Folder } from "./folder.ts";
import type { LogFolders } from "./log-folders.ts";
import { LOG_SUFFIX } from "./log-index.ts";
import { LogTail } from "./log-tail.ts";
import type { LogFollower, LogPart } from "./types.ts";

/** A task that works over the hours may leave a log in each; older ones are not written any more. */
const MOST_FOLLOWED = 4;

/** The last lines of the logs of a task, oldest first: those of the newest log, and of older ones as far as needed. */
export async function lastLogLines(logs: LogFolders | undefined, taskId: string, count: number): Promise<LogPart[]> {
  const parts: LogPart[] = [];
  let wanted = count;
  for (const key of (await hoursOf(logs, taskId)).reverse()) {
    if (wanted === 0) break;
    const part = await inHour(logs, key, (hour) => lastLinesIn(hour, taskId, wanted));
    if (part === undefined) continue;
    wanted -= part.lines.length;
    parts.unshift(part);
  }
  return parts;
}

async function lastLinesIn(hour: Folder, taskId: string, count: number): Promise<LogPart | undefined> {
  const tail = await LogTail.openIfThere(hour, taskId + LOG_SUFFIX);
  if (tail === undefined) return undefined;
  try {
    await tail.seekToLast(count);
    const lines: string[] = [];
    for (let more = await tail.read(); more !== undefined; more = await tail.read()) {
      lines.push(...more);
      lines.splice(0, lines.length - count); // it may grow meanwhile
    }
    return { path: tail.path, lines: [...lines, ...tail.rest()].slice(-count) };
  } finally {
    await tail.close();
  }
}

/** The hours, of `fromDate` and later, that hold a log of a task; oldest first. */
async function hoursOf(logs: LogFolders | undefined, taskId: string, fromDate = ""): Promise<string[]> {
  const keys: string[] = [];
  await logs?.walk(async (hour, key) => {
    if ((await hour.lstat(taskId + LOG_SUFFIX))?.isFile()) keys.push(key);
  }, fromDate);
  return keys.sort();
}

/** Works in an hour; undefined where it, or the log in it, is gone, a link, or not readable. */
async function inHour<R>(
  logs: LogFolders | undefined,
  key: string,
  work: (hour: Folder) => Promise<R | undefined>,
): Promise<R | undefined> {
  try {
    return await logs?.use(key, work);
  } catch (error) {
    if (error instanceof Kept || error instanceof FolderError || systemErrorCode(error) !== undefined) return undefined;
    throw error;
  }
}

/** Follows the logs of one task by their names: new lines, new hours, logs that are replaced or truncated. */
export class TaskLogFollower implements LogFollower {
  readonly #logs: LogFolders | undefined;
  readonly #taskId: string;
  /** By hour, oldest first. */
  readonly #tails = new Map<string, LogTail>();
  /** What was left of logs that are no longer followed. */
  readonly #left: LogPart[] = [];
  /** Where a new log can appear: the newest date that there is. */
  #fromDate = "";

  constructor(logs: LogFolders | undefined, taskId: string) {
    this.#logs = logs;
    this.#taskId = taskId;
  }

  async begin(count: number): Promise<boolean> {
    const hours = await hoursOf(this.#logs, this.#taskId);
    this.#fromDate = (await this.#logs?.newestDate()) ?? "";
    for (const key of hours.slice(-MOST_FOLLOWED)) await this.#open(key);
    let wanted = count;
    for (const tail of [...this.#tails.values()].reverse()) wanted -= await tail.seekToLast(wanted);
    return this.#tails.size > 0;
  }

  async read(): Promise<LogPart | undefined> {
    if (this.#left.length > 0) return this.#left.shift();
    for (const tail of this.#tails.values()) {
      const lines = await tail.read();
      if (lines !== undefined) return { path: tail.path, lines };
    }
    return undefined;
  }

  async look(): Promise<string[]> {
    const news: string[] = [];
    for (const [key, tail] of this.#tails) {
      if (await tail.restartIfCut()) news.push(`${printableJson(tail.path)} was truncated`);
      if (await this.#isReplaced(key, tail)) news.push(`${printableJson(tail.path)} was replaced`);
    }
    for (const key of await hoursOf(this.#logs, this.#taskId, this.#fromDate)) {
      if (!this.#tails.has(key)) await this.#open(key);
    }
    return news;
  }

  rest(): LogPart[] {
    const parts = [...this.#tails.values()].map((tail) => ({ path: tail.path, lines: tail.rest() }));
    return [...this.#left, ...parts].filter(({ lines }) => lines.length > 0);
  }

  async close(): Promise<void> {
    for (const tail of this.#tails.values()) await tail.close();
    this.#tails.clear();
  }

  /** Goes over to the file that the name stands for now, once the old one is read to its end. */
  async #isReplaced(key: string, tail: LogTail): Promise<boolean> {
    const name = this.#taskId + LOG_SUFFIX;
    if (!(await tail.isAtEnd())) return false;
    const next = await inHour(this.#logs, key, async (hour) =>
      (await tail.isReplacedIn(hour, name)) ? LogTail.openIfThere(hour, name) : undefined,
    );
    if (next === undefined) return false;
    await this.#leave(tail);
    this.#tails.set(key, next);
    return true;
  }

  async #open(key: string): Promise<void> {
    const tail = await inHour(this.#logs, key, (hour) => LogTail.openIfThere(hour, this.#taskId + LOG_SUFFIX));
    if (tail === undefined) return;
    this.#tails.set(key, tail);
    const [oldest] = this.#tails;
    if (this.#tails.size <= MOST_FOLLOWED || oldest === undefined) return;
    this.#tails.delete(oldest[0]);
    await this.#leave(oldest[1]);
  }

  async #leave(tail: LogTail): Promise<void> {
    const lines = tail.rest();
    if (lines.length > 0) this.#left.push({ path: tail.path, lines });
    await tail.close();
  }
}
