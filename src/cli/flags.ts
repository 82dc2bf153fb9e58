import { InvalidArgumentError } from "commander";
import type { MaxDelete } from "../operations/brake.ts";
import type { QueryNames, RawQuery } from "../operations/list-query.ts";
import type { TimeStyle } from "../render/time-text.ts";
import type { SourceChoice } from "../store/read-first.ts";
import { parseDuration } from "../task/duration.ts";
import { splitIds } from "../task/ids.ts";
import { splitStatuses } from "../task/status.ts";
import { parseWholeNumber } from "../task/whole-number.ts";

/** How the parts of a query are named on the command line. */
export const FLAG_NAMES: QueryNames = {
  page: "--page",
  pageSize: "--page-size",
  users: "--user",
  taskIds: "--ids",
  statuses: "--status",
  since: "--since",
  until: "--until",
};

/** The flags that choose tasks, as commander gives them. */
export interface SelectionFlags {
  readonly user?: readonly string[];
  readonly ids?: string;
  readonly status?: string;
  readonly since?: string;
  readonly until?: string;
  readonly page?: number;
  readonly pageSize?: number;
}

/** Where a list comes from, how long it is, and how it is shown. */
export interface LookFlags {
  readonly source: SourceChoice;
  /** Infinity for all; without it a page. */
  readonly limit?: number;
  readonly columns?: readonly string[];
  readonly headers: boolean;
  readonly time: TimeStyle;
  readonly pager: boolean;
}

export function rawQueryOf(flags: SelectionFlags): RawQuery {
  return {
    page: flags.page ?? null,
    pageSize: flags.pageSize ?? null,
    users: flags.user ?? null,
    taskIds: flags.ids === undefined ? null : splitIds(flags.ids),
    statuses: flags.status === undefined ? null : splitStatuses(flags.status),
    since: flags.since ?? null,
    until: flags.until ?? null,
  };
}

/** A whole number; its range is checked where queries are built. */
export function wholeNumber(text: string): number {
  const number = parseWholeNumber(text);
  if (number !== undefined) return number;
  throw new InvalidArgumentError("accepted: a whole number");
}

const [LEAST_WATCH_S, MOST_WATCH_S] = [1, 86_400];

/** `--watch`: seconds, or a duration such as 5m. */
export function watchSeconds(text: string): number {
  const seconds = parseDuration(text);
  if (seconds !== undefined && seconds >= LEAST_WATCH_S && seconds <= MOST_WATCH_S) return seconds;
  throw new InvalidArgumentError("accepted: seconds from 1, or a duration from 1s to 1d");
}

/** `--limit`: how many tasks; Infinity for all. A zero that a script came to by mistake must not mean all. */
export function limitOf(text: string): number {
  if (text.trim().toLowerCase() === "all") return Number.POSITIVE_INFINITY;
  if (/^\d{1,15}$/.test(text.trim()) && Number(text) >= 1) return Number(text);
  throw new InvalidArgumentError("accepted: a number of tasks from 1, or all");
}

/** `--columns`: names, separated by commas or spaces, without repeats. */
export function columnsOf(text: string): string[] {
  const names = [...new Set(text.split(/[,\s]+/).filter((name) => name !== ""))];
  if (names.length > 0) return names;
  throw new InvalidArgumentError("accepted: names of columns, separated by commas");
}

/** `--max-delete`: a number of tasks, or a percentage of all. */
export function maxDelete(text: string): MaxDelete {
  const match = /^(\d{1,15})(%?)$/.exec(text.trim());
  const value = Number(match?.[1]);
  if (match === null || (match[2] === "%" && value > 100)) {
    throw new InvalidArgumentError("accepted: a number of tasks such as 500, or a percentage from 0% to 100%");
  }
  return match[2] === "%" ? { percent: value } : { count: value };
}

export function addUser(user: string, before: readonly string[] = []): readonly string[] {
  return [...before, user];
}

export function addWords(words: string, before?: string): string {
  return before === undefined ? words : `${before},${words}`;
}

export function addOne(_: string, before = 0): number {
  return before + 1;
}

/** Parsers that add up what a repeated flag gives. Any other flag may be given once. */
export const ADDING: readonly unknown[] = [addUser, addWords, addOne];
