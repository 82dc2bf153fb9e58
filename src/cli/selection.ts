import { type Command, InvalidArgumentError, Option } from "commander";
import { foundIds, selectionIn } from "../app/choose.ts";
import { DONE, PARTLY } from "../app/ended.ts";
import type { QueryContext } from "../app/list-query.ts";
import { rowOf, SETTING_NAMES, type SettingName } from "../config/settings.ts";
import { usage } from "../errors.ts";
import { HALF } from "../operations/brake.ts";
import type { GetParts } from "../operations/get.ts";
import { shellWord } from "../printable.ts";
import { COLUMNS, TIME_STYLES } from "../render/item.ts";
import { notFound } from "../render/item-lines.ts";
import type { SourceChoice } from "../store/mirror-link.ts";
import { LIMIT_ACCEPTED, PARTS_ACCEPTED, parseLimit, parsePart, parseWholeNumber } from "../task/amounts.ts";
import { parseDuration } from "../task/duration.ts";
import { memberOf, splitName, type TaskId, trimId } from "../task/ids.ts";
import { CHOOSING_PARTS, camelCase, FLAG_NAMES, fieldOf, rawQuery, valueIn } from "../task/query-fields.ts";
import type { Context, Flags } from "./context.ts";
import { isText } from "./terminal.ts";

export function addSelection(command: Command, parts = CHOOSING_PARTS): Command {
  command.optionsGroup("Selection:");
  for (const part of parts) {
    const { kind, flags, help, flagHelp = "", choices } = fieldOf(part);
    const option = new Option(flags, `${help}${flagHelp}`);
    const parser = PARSERS[kind];
    if (parser !== undefined) option.argParser(parser as (text: string) => unknown);
    else if (choices !== undefined) option.choices(choices);
    command.addOption(option);
  }
  return command;
}

export function addUser(command: Command): Command {
  return command.optionsGroup("Selection:").option("-u, --user <id>", "only the tasks of this user");
}

export function addInterval(command: Command, help: string): Command {
  const interval = new Option("--interval <seconds>", `${help} (default: ${DEFAULT_INTERVAL})`);
  return command.optionsGroup("Output:").addOption(interval.argParser(watchSeconds));
}

export function addSource(command: Command): Command {
  const source = new Option("--source <store>", "which store to read; with redis or file, the other is never read");
  return command.optionsGroup("Connection:").addOption(source.choices(["auto", "redis", "file"]).default("auto"));
}

/** The flags of `list` and `query`. */
export function addLook(command: Command): Command {
  const limit = "the first N tasks, or all, instead of a page";
  const times = "times as written, with an offset, or as ages; default: age in a table on a terminal, raw elsewhere";
  return addSource(command.option("--limit <n>", limit, accepting(LIMIT_ACCEPTED, parseLimit)))
    .optionsGroup("Output:")
    .option("--columns <names>", `${COLUMNS.wide.join(", ")}, or any field`, columnsOf)
    .option("--no-headers", "no header line")
    .addOption(new Option("--time <style>", times).choices(TIME_STYLES))
    .option("--no-pager", "never page a long table (also TTSCTL_PAGER=cat)")
    .option("--exit-status", "exit with 3 if any task matches", false);
}

/** @param names of flags that have no effect in this form of a command @throws TtsctlError USAGE if one is given */
export function refuseFlags(flags: object, names: readonly string[], when: string): void {
  const given = flags as Readonly<Record<string, unknown>>;
  const first = names.find((name) => (given[camelCase(name.slice(2))] ?? false) !== false);
  if (first !== undefined) throw usage(`${first} has no effect ${when}`, "leave it out");
}

/** Seconds. */
export const DEFAULT_INTERVAL = 2;

export function addWatch(command: Command): Command {
  command.optionsGroup("Output:").option("-w, --watch", "redraw the table until Ctrl-C", false);
  return addInterval(command, "with --watch: seconds, or a duration such as 10s, between two tables");
}

/** Runs a reading command once, or with `--watch` until it is stopped. @throws TtsctlError USAGE */
export async function onceOrLive(context: Context, flags: Flags, run: (once: Context) => Promise<number>) {
  refuseFlags(flags, [flags.watch ? "--exit-status" : "--interval"], `${flags.watch ? "with" : "without"} --watch`);
  if (!flags.watch) return run(context);
  const { live } = await import("./live.ts");
  await live(context, flags.interval ?? DEFAULT_INTERVAL, run);
  return DONE;
}

/** @param done what happens to the tasks whose records `--backup` keeps */
export function addDestructive(command: Command, brake: string, yes: string, done?: "purged" | "deleted" | "marked") {
  const verb = done === "marked" ? "mark" : "delete";
  command.optionsGroup("Safety:").option("-y, --yes", yes, false);
  if (done !== undefined) {
    const what = verb === "mark" ? "record to this file before it is marked" : `${done} record to this file first`;
    command.option("--backup <file>", `append every ${what}, as JSON Lines`);
    command.option("--summary", "print no line for each task, only the summary");
  }
  const limit = `refuse to ${verb} more than this (default: ${brake})`;
  return command
    .option("--dry-run", "print the plan and change nothing", false)
    .option(`--max-${verb} <n|p%>`, limit, accepting(PARTS_ACCEPTED, parsePart))
    .option("--allow-empty", "accept a store file that is missing or has no tasks", false);
}

export function addPruning(command: Command): Command {
  command.option("--allow-mismatch", "go on although the store file and Redis have no task in common", false);
  const brake = `${HALF.percent}% of the tasks in Redis, with --prune`;
  return addDestructive(addUser(command), brake, "do not ask before --prune");
}

const STDIN = "-";

/** Each part of a query has the flag of its long name. @throws TtsctlError USAGE for a wrong stdin */
export async function rawQueryOf({ terminal }: Context, flags: Flags) {
  const byName = flags as unknown as Readonly<Record<string, unknown>>;
  const raw = rawQuery((part, field) => {
    const given = byName[camelCase(FLAG_NAMES[part].slice(2))];
    return typeof given === "string" ? valueIn(given, field) : given;
  });
  if (flags.ids !== STDIN) return raw;
  const { namesOn } = await import("./names.ts");
  return { ...raw, taskIds: await namesOn(terminal.streams.stdin) };
}

export function idsOf({ ids }: Flags): Pick<QueryContext, "takesNames" | "takesNone"> {
  return { takesNames: true, takesNone: ids === STDIN };
}

/** @param hint how to choose, if tasks are changed @throws TtsctlError USAGE, REDIS_*, STORE_* */
export async function selectionOf(context: Context, flags: Flags, hint?: string) {
  const { all, source = "auto" } = flags;
  const change = hint === undefined ? {} : { change: { all, hint } };
  const raw = await rawQueryOf(context, flags);
  return selectionIn(context, raw, { names: FLAG_NAMES, ...idsOf(flags), source, ...change });
}

export async function userOf(context: Context, { user }: Flags): Promise<string | undefined> {
  if (user === undefined) return undefined;
  const { checkUser } = await import("../app/list-query.ts");
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

const watchSeconds = accepting("seconds from 1, or a duration from 1s to 1d", (text) => {
  const seconds = parseDuration(text);
  return seconds !== undefined && seconds >= 1 && seconds <= 86_400 ? seconds : undefined;
});

const columnsOf = accepting("names of columns, separated by commas", (text) => {
  const names = [...new Set(text.split(/[,\s]+/).filter((name) => name !== ""))];
  return names.length > 0 ? names : undefined;
});

function addOneUser(user: string, before: readonly string[] = []): readonly string[] {
  return [...before, user];
}

function addWords(words: string, before?: string): string {
  if (before === undefined) return words;
  if (before === STDIN || words === STDIN) throw new InvalidArgumentError(`- (stdin) can't be combined with other ids`);
  return `${before},${words}`;
}

export function addOne(_: string, before = 0): number {
  return before + 1;
}

/** By kinds of query fields; ranges are checked where queries are built. */
const PARSERS: Readonly<Record<string, unknown>> = {
  number: accepting("a whole number", parseWholeNumber),
  user: addOneUser,
  list: addWords,
};

/** The parsers of flags that may be repeated. */
export const ADDING: readonly unknown[] = [addOneUser, addWords, addOne];

export function settingOption(name: SettingName): Option {
  return new Option(...rowOf(name).flag!);
}

/** Of the settings of a section that have flags of their own. */
export function sectionOptions(section: string): Option[] {
  const names = SETTING_NAMES.filter((name) => name.startsWith(`${section}.`) && rowOf(name).flag?.[1] !== undefined);
  return names.map(settingOption);
}

/** Warns of a user id that is probably mistyped. @param found how many tasks the command had to do with */
export async function tellNobody(context: Context, userId: string | undefined, found: number): Promise<void> {
  if (found > 0 || userId === undefined) return;
  const { explainNobody } = await import("../operations/explain-empty.ts");
  const why = await explainNobody(await context.stores(), userId);
  if (why !== null) context.reporter.warn(why);
}

/**
 * The task that arguments name as `USER TASK`, `USER:TASK`, or the `TASK` of any user, from both stores; without a user if none has its
 * id. @throws TtsctlError USAGE, REDIS_*, STORE_*
 */
export async function findTask(context: Context, parts: GetParts, command: string, args: string[], flags: Flags) {
  const { source = "auto" } = flags;
  const [first = "", second] = args.map(trimId);
  if (first === "" || second === "") {
    const hint = `ttsctl ${command} alice t01, ttsctl ${command} alice:t01 or ttsctl ${command} t01`;
    throw usage(`${command} needs a task id, or a user and a task id`, `${hint}; see ttsctl ${command} --help`);
  }
  const { getTask } = await import("../operations/get.ts");
  const find = async (id: TaskId) => {
    const result = await getTask(parts, id, source);
    return { id, result, isFound: result.task !== null || result.invalid !== null };
  };
  const member = (await context.rules()).isPublished ? null : splitName(first);
  const named = second === undefined ? member : { userId: first, taskId: second };
  let found = named && (await find(named));
  if (second === undefined && !found?.isFound) {
    const instead = ({ userId, taskId }: TaskId) => {
      const end = userId.startsWith("-") || taskId.startsWith("-") ? "-- " : "";
      return `ttsctl ${command} ${end}${shellWord(userId)} ${shellWord(taskId)}`;
    };
    const [id] = await foundIds(context, [{ userId: "", taskId: first }], source, instead);
    if (found === null || id!.userId !== "") found = await find(id!);
  }
  const { invalid, warnings } = found!.result;
  for (const line of warnings) context.reporter.warn(line);
  if (invalid !== null) context.reporter.warn(`the file has an invalid record of this task: ${invalid.reason}`);
  return found!;
}

/** Returns the exit code. */
export async function tellAbsent(context: Context, parts: GetParts, id: TaskId, source: SourceChoice): Promise<number> {
  const { explainAbsent } = await import("../operations/explain-empty.ts");
  const isBrief = context.flags.quiet || !isText(context.flags.output);
  await context.inform(isBrief ? notFound([memberOf(id)]) : `not found: ${await explainAbsent(parts, id, source)}`);
  return PARTLY;
}
