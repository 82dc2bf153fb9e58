import { type Command, InvalidArgumentError, Option } from "commander";
import { rowOf, type SettingName } from "../config/settings.ts";
import { TtsctlError } from "../errors.ts";
import type { MaxDelete } from "../operations/brake.ts";
import type { Selection } from "../operations/select.ts";
import { TIME_STYLES, type TimeStyle, WIDE_COLUMNS } from "../render/item.ts";
import type { SourceChoice } from "../store/read-first.ts";
import { parseDuration, parseWholeNumber } from "../task/amounts.ts";
import { trimId, uniqueIds } from "../task/ids.ts";
import {
  CHOOSING_PARTS,
  camelCase,
  FLAG_NAMES,
  fieldOf,
  QUERY_PARTS,
  type QueryNames,
  type QueryPart,
  type RawQuery,
  rawQuery,
  valueIn,
} from "../task/query-fields.ts";
import type { Context } from "./context.ts";

/** The flags that choose tasks, as commander gives them. */
export interface SelectionFlags {
  readonly user?: readonly string[];
  readonly ids?: string;
  readonly [flag: string]: unknown;
}

/** The flags of commands that remove tasks. */
export interface ChangeFlags {
  readonly dryRun: boolean;
  readonly maxDelete?: MaxDelete;
  readonly allowEmpty: boolean;
  readonly yes: boolean;
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

/** The flags that choose tasks: the same for every command that does. */
export function addSelection(command: Command, statusFlag?: string): Command {
  command.optionsGroup("Selection:");
  for (const part of CHOOSING_PARTS) addField(command, part, part === "statuses" ? statusFlag : undefined);
  return command;
}

/** The parts of a query that only lists have, such as the page. */
export function addPaging(command: Command): Command {
  command.optionsGroup("Selection:");
  for (const part of QUERY_PARTS) if (fieldOf(part).onlyLists) addField(command, part);
  return command;
}

function addField(command: Command, part: QueryPart, renamed?: string): void {
  const { kind, flags, help, flagHelp = "" } = fieldOf(part);
  const option = new Option(renamed ?? flags, `${help}${flagHelp}`);
  if (kind !== "time") option.argParser(PARSERS[kind] as (text: string, before: unknown) => unknown);
  command.addOption(option);
}

/** `--user` of commands that choose tasks by nothing else. */
export function addUser(command: Command): Command {
  return command.optionsGroup("Selection:").option("-u, --user <id>", "only the tasks of this user");
}

export function addSource(command: Command): Command {
  const source = new Option("--source <store>", "who answers: a forced store never asks the other");
  return command.optionsGroup("Connection:").addOption(source.choices(["auto", "redis", "file"]).default("auto"));
}

/** `--limit`: a list of any length, from the newest on. */
export function addLimit(command: Command): Command {
  return command
    .optionsGroup("Selection:")
    .option("--limit <n>", "the newest so many tasks, or all, instead of a page", limitOf);
}

/** How a list of tasks is shown to people. */
export function addLook(command: Command): Command {
  return command
    .optionsGroup("Output:")
    .option("--columns <names>", `${WIDE_COLUMNS.join(", ")}, or any field`, columnsOf)
    .option("--no-headers", "no line of heads")
    .addOption(
      new Option("--time <style>", "times as written, with an offset, or as ages").choices(TIME_STYLES).default("raw"),
    )
    .option("--no-pager", "never page a long table (also TTSCTL_PAGER=cat)");
}

/** `--watch`: the command again and again, drawn in place (`live.ts`). */
export function addWatch(command: Command): Command {
  const watch = new Option(
    "--watch [seconds]",
    "again and again, drawn in place, every so often; Ctrl-C ends it (default: 2)",
  );
  return command.optionsGroup("Output:").addOption(watch.preset("2").argParser(watchSeconds));
}

/** The flags of commands that remove things. */
export function addDestructive(command: Command, brake: string, yes: string): Command {
  return command
    .optionsGroup("Safety:")
    .option("-y, --yes", yes, false)
    .option("--dry-run", "print the plan and change nothing", false)
    .option("--max-delete <n|p%>", `refuse to remove more than this (default: ${brake})`, maxDelete)
    .option("--allow-empty", "a store file that is missing or has no tasks is meant", false);
}

/** Each part of a query has the flag of its long name. */
export function rawQueryOf(flags: SelectionFlags): RawQuery {
  return rawQuery((part, field) => {
    const given = flags[camelCase(FLAG_NAMES[part].slice(2))];
    return typeof given === "string" ? valueIn(given, field) : given;
  });
}

/**
 * The tasks that the flags choose.
 * @param names how the flags are called in messages
 * @throws TtsctlError USAGE
 */
export async function selectionOf(
  context: Context,
  flags: SelectionFlags,
  names: QueryNames = FLAG_NAMES,
): Promise<Selection> {
  const { buildFilter, checkIds, shortestAge } = await import("../operations/list-query.ts");
  const raw = rawQueryOf(flags);
  const checking = { names, rules: await context.rules(), now: context.clock.now() };
  return { ids: checkIds(raw, checking), filter: buildFilter(raw, checking), age: shortestAge(raw) };
}

/**
 * The same for a command that also takes ids without a user in a layout in which an id is one task's.
 * @throws TtsctlError USAGE, also if several users have one of the ids, REDIS_*, STORE_*
 */
export async function selectionByIds(context: Context, flags: SelectionFlags): Promise<Selection> {
  const rules = await context.rules();
  if (flags.ids === undefined || flags.user !== undefined || !rules.taskIdIsUnique) return selectionOf(context, flags);
  const { ids: _, ...rest } = flags;
  const ids = uniqueIds(rawQueryOf(flags).taskIds!);
  if (ids.length === 0) return selectionOf(context, flags);
  const { ownersOf } = await import("../store/tasks-with-id.ts");
  const parts = { file: await context.fileStore(), link: await context.mirrorLink() };
  return { ...(await selectionOf(context, rest)), ids, owners: await ownersOf(parts, ids) };
}

/**
 * A command that changes tasks takes no silence for "all of them" (SPEC section 5).
 * @throws TtsctlError USAGE
 */
export function requireSelection(flags: SelectionFlags, all: boolean, hint: string): void {
  const raw = rawQueryOf(flags);
  if (CHOOSING_PARTS.some((part) => raw[part] != null) !== all) return;
  throw new TtsctlError("USAGE", all ? "--all and a selection exclude each other" : "no tasks chosen", { hint });
}

/**
 * The user of `--user`, for a command that chooses by nothing else.
 * @throws TtsctlError USAGE
 */
export async function userOf(context: Context, { user }: { readonly user?: string }): Promise<string | undefined> {
  if (user === undefined) return undefined;
  const { checkUser } = await import("../operations/list-query.ts");
  return checkUser(trimId(user), FLAG_NAMES.users, await context.rules());
}

/** A whole number; its range is checked where queries are built. */
function wholeNumber(text: string): number {
  const number = parseWholeNumber(text);
  if (number !== undefined) return number;
  throw new InvalidArgumentError("accepted: a whole number");
}

const [LEAST_WATCH_S, MOST_WATCH_S] = [1, 86_400];

/** `--watch`: seconds, or a duration such as 5m. */
function watchSeconds(text: string): number {
  const seconds = parseDuration(text);
  if (seconds !== undefined && seconds >= LEAST_WATCH_S && seconds <= MOST_WATCH_S) return seconds;
  throw new InvalidArgumentError("accepted: seconds from 1, or a duration from 1s to 1d");
}

/** `--limit`: how many tasks; Infinity for all. A zero that a script came to by mistake must not mean all. */
function limitOf(text: string): number {
  if (text.trim().toLowerCase() === "all") return Number.POSITIVE_INFINITY;
  if (/^\d{1,15}$/.test(text.trim()) && Number(text) >= 1) return Number(text);
  throw new InvalidArgumentError("accepted: a number of tasks from 1, or all");
}

/** `--columns`: names, separated by commas or spaces, without repeats. */
function columnsOf(text: string): string[] {
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

function addOneUser(user: string, before: readonly string[] = []): readonly string[] {
  return [...before, user];
}

function addWords(words: string, before?: string): string {
  return before === undefined ? words : `${before},${words}`;
}

export function addOne(_: string, before = 0): number {
  return before + 1;
}

const PARSERS = { number: wholeNumber, user: addOneUser, list: addWords };

/** Parsers that add up what a repeated flag gives. Any other flag may be given once. */
export const ADDING: readonly unknown[] = [addOneUser, addWords, addOne];

/** The flag that gives a setting. */
export function settingOption(name: SettingName): Option {
  return new Option(...rowOf(name).flag!);
}
