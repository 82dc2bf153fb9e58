import { type Command, InvalidArgumentError, Option } from "commander";
import { rowOf, type SettingName } from "../config/settings.ts";
import { usage } from "../errors.ts";
import type { MaxDelete } from "../operations/brake.ts";
import type { Selection } from "../operations/select.ts";
import { TIME_STYLES, type TimeStyle, WIDE_COLUMNS } from "../render/item.ts";
import type { SourceChoice } from "../store/mirror-link.ts";
import { parseDuration, parseWholeNumber } from "../task/amounts.ts";
import { trimId, uniqueIds } from "../task/ids.ts";
import {
  CHOOSING_PARTS,
  camelCase,
  FLAG_NAMES,
  fieldOf,
  LIST_PARTS,
  type QueryNames,
  type QueryPart,
  type RawQuery,
  rawQuery,
  valueIn,
} from "../task/query-fields.ts";
import type { Context } from "./context.ts";

export interface SelectionFlags {
  readonly user?: readonly string[];
  readonly ids?: string;
  readonly [flag: string]: unknown;
}

export interface ChangeFlags {
  readonly dryRun: boolean;
  readonly maxDelete?: MaxDelete;
  readonly allowEmpty: boolean;
  readonly yes: boolean;
}

export interface LookFlags {
  readonly source: SourceChoice;
  /** Infinity for all; undefined for a page. */
  readonly limit?: number;
  readonly columns?: readonly string[];
  readonly headers: boolean;
  readonly time: TimeStyle;
  readonly pager: boolean;
}

export function addSelection(command: Command, statusFlag?: string): Command {
  command.optionsGroup("Selection:");
  for (const part of CHOOSING_PARTS) addField(command, part, part === "statuses" ? statusFlag : undefined);
  return command;
}

export function addPaging(command: Command): Command {
  command.optionsGroup("Selection:");
  for (const part of LIST_PARTS) addField(command, part);
  return command.option("--limit <n>", "the newest so many tasks, or all, instead of a page", limitOf);
}

function addField(command: Command, part: QueryPart, renamed?: string): void {
  const { kind, flags, help, flagHelp = "" } = fieldOf(part);
  const option = new Option(renamed ?? flags, `${help}${flagHelp}`);
  if (kind !== "time") option.argParser(PARSERS[kind] as (text: string, before: unknown) => unknown);
  command.addOption(option);
}

export function addUser(command: Command): Command {
  return command.optionsGroup("Selection:").option("-u, --user <id>", "only the tasks of this user");
}

/** Unlike `addUser`, several. */
export function addUsers(command: Command): Command {
  addField(command.optionsGroup("Selection:"), "users");
  return command;
}

export function addStatuses(command: Command): Command {
  addField(command.optionsGroup("Selection:"), "statuses");
  return command;
}

/** Seconds between two readings. */
export function addInterval(command: Command, help: string): Command {
  const interval = new Option("--interval <seconds>", `${help} (default: ${DEFAULT_INTERVAL})`);
  return command.optionsGroup("Output:").addOption(interval.argParser(watchSeconds).default(DEFAULT_INTERVAL, ""));
}

export function addSource(command: Command): Command {
  const source = new Option("--source <store>", "who answers: a forced store never asks the other");
  return command.optionsGroup("Connection:").addOption(source.choices(["auto", "redis", "file"]).default("auto"));
}

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

const DEFAULT_INTERVAL = 2;

export function addWatch(command: Command): Command {
  const watch = new Option(
    "-w, --watch [seconds]",
    "again and again, drawn in place, every so often; Ctrl-C ends it (default: 2)",
  );
  return command.optionsGroup("Output:").addOption(watch.preset("2").argParser(watchSeconds));
}

/**
 * @param backedUp the records that `--backup` keeps
 * @param verb of the limit
 */
export function addDestructive(
  command: Command,
  brake: string,
  yes: string,
  { backedUp, verb = "delete" }: { readonly backedUp?: string; readonly verb?: "delete" | "mark" } = {},
): Command {
  command.optionsGroup("Safety:").option("-y, --yes", yes, false);
  const backup = `append every ${backedUp} record to this file first, as JSON Lines`;
  if (backedUp !== undefined) command.option("--backup <file>", backup);
  const limit = `refuse to ${verb === "delete" ? "remove" : verb} more than this (default: ${brake})`;
  return command
    .option("--dry-run", "print the plan and change nothing", false)
    .option(`--max-${verb} <n|p%>`, limit, maxDelete)
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
 * @param names of the flags, for messages
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
 * Like `selectionOf`, but ids need no user in a layout with unique ids.
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
  return { ...(await selectionOf(context, rest)), ids, owners: await ownersOf(parts, ids, "auto") };
}

/**
 * Without flags a command must not change all tasks (SPEC section 5).
 * @throws TtsctlError USAGE
 */
export function requireSelection(flags: SelectionFlags, all: boolean, hint: string): void {
  const raw = rawQueryOf(flags);
  if (CHOOSING_PARTS.some((part) => raw[part] != null) !== all) return;
  throw usage(all ? "--all and a selection exclude each other" : "no tasks chosen", hint);
}

/** @throws TtsctlError USAGE */
export async function userOf(context: Context, { user }: { readonly user?: string }): Promise<string | undefined> {
  if (user === undefined) return undefined;
  const { checkUser } = await import("../operations/list-query.ts");
  return checkUser(trimId(user), FLAG_NAMES.users, await context.rules());
}

/** @param parse returns undefined for a wrong value */
export function accepting<T>(accepted: string, parse: (text: string) => T | undefined): (text: string) => T {
  return (text) => {
    const value = parse(text);
    if (value === undefined) throw new InvalidArgumentError(`accepted: ${accepted}`);
    return value;
  };
}

/** Its range is checked where queries are built. */
const wholeNumber = accepting("a whole number", parseWholeNumber);

const watchSeconds = accepting("seconds from 1, or a duration from 1s to 1d", (text) => {
  const seconds = parseDuration(text);
  return seconds !== undefined && seconds >= 1 && seconds <= 86_400 ? seconds : undefined;
});

/** Infinity for all. Zero is refused: in a script it is a mistake. */
const limitOf = accepting("a number of tasks from 1, or all", (text) => {
  if (text.trim().toLowerCase() === "all") return Number.POSITIVE_INFINITY;
  return /^\d{1,15}$/.test(text.trim()) && Number(text) >= 1 ? Number(text) : undefined;
});

const columnsOf = accepting("names of columns, separated by commas", (text) => {
  const names = [...new Set(text.split(/[,\s]+/).filter((name) => name !== ""))];
  return names.length > 0 ? names : undefined;
});

const maxDelete = accepting(
  "a number of tasks such as 500, or a percentage from 0% to 100%",
  (text): MaxDelete | undefined => {
    const [, digits, percent] = /^(\d{1,15})(%?)$/.exec(text.trim()) ?? [];
    if (percent !== "%") return digits === undefined ? undefined : { count: Number(digits) };
    return Number(digits) <= 100 ? { percent: Number(digits) } : undefined;
  },
);

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

/** The parsers of flags that may be repeated. */
export const ADDING: readonly unknown[] = [addOneUser, addWords, addOne];

export function settingOption(name: SettingName): Option {
  return new Option(...rowOf(name).flag!);
}
