import { stat } from "node:fs/promises";
import { parseArgs } from "node:util";
import type { Command, Option } from "commander";
import { profileNames } from "../config/load.ts";
import { isShellWord, printable, shellQuote } from "../printable.ts";
import { KNOWN_COLUMNS } from "../render/item.ts";
import { fileTasks } from "../store/file/file-tasks.ts";
import { camelCase, FLAG_NAMES, fieldOf, ofUser, QUERY_PARTS } from "../task/query-fields.ts";
import { SHOWN_STATUSES } from "../task/status.ts";
import { Context, type Surroundings } from "./context.ts";
import { inheritedOptions, TOPICS } from "./help.ts";
import { commandOf } from "./program.ts";

/**
 * Answers `bash LINE`, the line up to the cursor, or `described WORD...`, of which the last one is completed. The first line of
 * the answer has directives (`files`, `nospace`), each further line a candidate, for `described` with a tab and its description.
 * For bash they are quoted, so no id can become a command. It never fails and prints nothing on stderr.
 */
export async function complete(program: Command, args: readonly string[], around: Surroundings): Promise<string> {
  const [shell, ...rest] = args;
  const split = { words: ["ttsctl", ...rest.slice(0, -1)], current: rest.at(-1) ?? "", isQuoted: false, kept: 0 };
  const line = shell === "bash" ? splitLine(rest[0] ?? "") : split;
  const words = line.words.slice(1);
  const { wanted, before, typed, isList, values } = questionOf(program, words, line.current);
  const found = await candidatesOf(wanted, values, around).catch(() => []);
  const matching = found.filter((word) => word.startsWith(typed) && printable(word) === word && word !== "");
  const about = shell === "described" && wanted instanceof Map ? wanted : undefined;
  const shown = matching.flatMap((word) => {
    const whole = before + word;
    // Inside quotes bash inserts the word unquoted, so only plain words are offered.
    if (line.isQuoted) return isShellWord(whole) ? [whole] : [];
    if (shell === "bash") return shellQuote(whole.slice(line.kept));
    return about?.has(word) ? `${whole}\t${about.get(word)}` : whole;
  });
  const directives = ["-", wanted === "files" && "files", isList && "nospace"];
  return `${[directives.filter(Boolean).join(" "), ...shown].join("\n")}\n`;
}

async function candidatesOf(wanted: Wanted, values: Line["values"], around: Surroundings) {
  if (wanted === "files") return [];
  if (wanted === "profiles") return profileNames(around.env);
  if (wanted instanceof Map) return [...wanted.keys()];
  if (Array.isArray(wanted)) return wanted;
  const texts = Object.entries(values).filter(([, value]) => typeof value === "string");
  const given = Object.fromEntries(texts.map(([name, value]) => [camelCase(name), value]));
  const quietly = { color: false, output: "table", logFormat: "text", quiet: true, verbose: 0 } as const;
  const context = new Context(around, { ...given, ...quietly, redis: !values["no-redis"] });
  return knownIds(context, wanted === "users" ? undefined : wanted.tasksOf).finally(() => context.release());
}

/** A person waits: a slower Redis and a larger file aren't used. */
const PATIENCE_S = 0.3;
const LARGEST_FILE = 8_000_000;
const NEWEST = 1000;

/** Of the newest tasks: the task ids of the user, or the users without one. From Redis, else from a small file. */
async function knownIds(parts: Context, user: string | undefined): Promise<string[]> {
  const { timeout } = (await parts.settings()).redis;
  timeout.value = Math.min(PATIENCE_S, timeout.value);
  const state = await parts.mirrorState();
  let ids = state.kind === "on" ? await state.mirror.newest(user, NEWEST).catch(() => []) : [];
  const file = await parts.fileStore();
  if (ids.length === 0 && (await stat(file.path)).size <= LARGEST_FILE) {
    await using snapshot = await file.read();
    ids = (await fileTasks(snapshot).page(ofUser(user), 0, NEWEST)).tasks;
  }
  return [...new Set(ids.map(({ userId, taskId }) => (user === undefined ? userId : taskId)))];
}

/** Splits a bash line; nothing is expanded. @returns `kept`: the length of `current` up to the last `:` or `=`, which bash keeps */
function splitLine(line: string) {
  const words: string[] = [];
  let [current, quote, inWord, kept] = ["", "", false, 0];
  for (let i = 0; i < line.length; i++) {
    const char = line[i]!;
    const isEscape = char === "\\" && quote !== "'" && i + 1 < line.length;
    if (quote === "" && /[\s;|&]/.test(char)) {
      if (inWord) words.push(current);
      [current, inWord, kept] = ["", false, 0];
      if (/[;|&]/.test(char)) words.length = 0; // another command begins
      continue;
    }
    inWord = true;
    if (char === quote) quote = "";
    else if (quote === "" && (char === "'" || char === '"')) quote = char;
    else current += isEscape ? line[++i]! : char;
    if (quote === "" && !isEscape && /[:=]/.test(char)) kept = current.length;
  }
  return { words, current, isQuoted: quote !== "", kept: quote === "" ? kept : 0 };
}

/** Words, some with their descriptions, or what is looked up. */
type Wanted = string[] | Map<string, string> | "files" | "profiles" | "users" | { readonly tasksOf: string };
/** A user, or after a colon a task of the user. */
const NAME = "name";

const HELP = "print help";
/** The words of the flags that take a list. */
const LISTS = new Map<string, readonly string[]>([["--columns", KNOWN_COLUMNS]]);
for (const part of QUERY_PARTS) {
  const { kind, choices = [] } = fieldOf(part);
  if (kind === "list") LISTS.set(FLAG_NAMES[part], choices);
}

/** @returns `before`: the part of the current word before the completed one; `isList`: whether another value may follow after a comma */
function questionOf(program: Command, words: readonly string[], current: string) {
  const line = readLine(program, words);
  const flag = (line.awaiting === undefined && /^--[\w-]+=/.exec(current)?.[0]) || "";
  const option = line.awaiting ?? optionOf(line.command, flag.slice(0, -1));
  const isList = LISTS.has(option?.long ?? "");
  const wanted =
    line.awaiting !== undefined || flag !== "" ? valuesFor(option, line) : wordsFor(program, line, current);
  let start = Math.max(flag.length, isList ? current.lastIndexOf(",") + 1 : 0);
  const [, user] = wanted === NAME ? (/^([^:]*):/.exec(current.slice(start)) ?? []) : [];
  if (user !== undefined) start += user.length + 1;
  const found: Wanted = user === undefined ? (option === undefined ? "users" : []) : { tasksOf: user };
  const parts = { before: current.slice(0, start), typed: current.slice(start), isList, values: line.values };
  return { ...parts, wanted: wanted === NAME ? found : wanted };
}

type Line = ReturnType<typeof readLine>;

/** @returns `awaiting`: the flag whose value is next */
function readLine(program: Command, words: readonly string[]) {
  const read = (command: Command) => {
    const options = optionsOf(command).map((option) => {
      const short = option.short === undefined ? {} : { short: option.short.slice(1) };
      return [option.name(), { type: option.required ? "string" : "boolean", ...short }] as const;
    });
    return parseArgs({ args: [...words], strict: false, options: Object.fromEntries(options) });
  };
  const command = commandOf(program, read(program).positionals[0] ?? "") ?? program;
  const { values, positionals } = read(command);
  const last = optionOf(command, words.at(-1) ?? "");
  return {
    command,
    operands: positionals.slice(command === program ? 0 : 1),
    values,
    awaiting: last?.required ? last : undefined,
  };
}

function valuesFor(option: Option | undefined, { values: { user } }: Line): Wanted | typeof NAME {
  const { long: name = "", flags = "", argChoices } = option ?? {};
  if (name === "--ids") return typeof user === "string" ? { tasksOf: user } : NAME;
  if (name === "--user") return "users";
  if (name === "--profile") return "profiles";
  if (flags.endsWith("<status>")) return [...SHOWN_STATUSES];
  return flags.includes("<file>") ? "files" : [...(argChoices ?? LISTS.get(name) ?? [])];
}

function wordsFor(program: Command, { command, operands, values }: Line, current: string): Wanted | typeof NAME {
  if (current.startsWith("-")) {
    const flags = optionsOf(command).map(({ long, description }) => [long ?? "", description] as const);
    return new Map([...flags, ["--help", HELP]]);
  }
  if (command === program) {
    const about = new Map(program.commands.map((each) => [each.name(), each.description()]));
    if (operands.length === 0) return about.set("help", HELP);
    if (operands.length > 1 || operands[0] !== "help") return []; // an unknown command
    for (const [name, [title]] of Object.entries(TOPICS)) about.set(name, title);
    return about;
  }
  const argument = command.registeredArguments[operands.length];
  if (argument?.argChoices !== undefined) return argument.argChoices;
  if (command.name() === "cleanup" && !values.explain) return [];
  if (argument?.name() === "user") return NAME;
  if (argument?.name() === "task") return { tasksOf: operands[0]! };
  return argument?.name() === "file" ? "files" : [];
}

function optionsOf(command: Command): readonly Option[] {
  return [...command.options, ...inheritedOptions(command)];
}

function optionOf(command: Command, name: string): Option | undefined {
  return optionsOf(command).find((option) => option.long === name || option.short === name);
}
