import { stat } from "node:fs/promises";
import type { Command, Option } from "commander";
import { RunParts } from "../app/parts.ts";
import { loadSettings as load } from "../config/load.ts";
import { profileNames } from "../config/profiles.ts";
import { SILENT } from "../operations/reporter.ts";
import { isShellWord, printable, shellQuote } from "../printable.ts";
import { KNOWN_COLUMNS } from "../render/item.ts";
import { FileTasks } from "../store/file/file-tasks.ts";
import { FLAG_NAMES, fieldOf, ofUser, QUERY_PARTS } from "../task/query-fields.ts";
import { SHOWN_STATUSES } from "../task/status.ts";
import type { Surroundings } from "./context.ts";
import { inheritedOptions, TOPICS } from "./help.ts";
import { commandOf } from "./program.ts";
import { flagsIn, type GlobalFlags } from "./terminal.ts";

/**
 * Answers the completion scripts: `bash LINE`, the line up to the cursor, or `words WORD...`, of which the last one is
 * completed; `described WORD...` is the same. The first line of the answer has directives (`files`, `nospace`), each further line
 * a candidate, for `described` with a tab and its description, if it has one. For bash they are quoted, so no id can become a
 * command. It never fails and prints nothing on stderr.
 */
export async function complete(program: Command, args: readonly string[], around: Surroundings): Promise<string> {
  const [shell, ...rest] = args;
  const isBash = shell === "bash";
  const line: ShellLine = isBash
    ? splitLine(rest[0] ?? "")
    : { words: ["ttsctl", ...rest.slice(0, -1)], current: rest.at(-1) ?? "", isQuoted: false, kept: 0 };
  const words = line.words.slice(1);
  const question = questionOf(program, words, line.current);
  const found = await candidatesOf(question, words, around).catch(() => []);
  const matching = found.filter((word) => word.startsWith(question.typed) && printable(word) === word && word !== "");
  const about = shell === "described" && question.wanted.kind === "words" ? question.wanted.about : undefined;
  const shown = matching.flatMap((word) => {
    const whole = question.before + word;
    // Inside quotes bash inserts the word unquoted, so only plain words are offered.
    if (line.isQuoted) return isShellWord(whole) ? [whole] : [];
    if (isBash) return shellQuote(whole.slice(line.kept));
    return about?.has(word) ? `${whole}\t${about.get(word)}` : whole;
  });
  const directives = ["-", question.wanted.kind === "files" && "files", question.isList && "nospace"];
  return `${[directives.filter(Boolean).join(" "), ...shown].join("\n")}\n`;
}

async function candidatesOf(
  { wanted }: Question,
  words: readonly string[],
  around: Surroundings,
): Promise<readonly string[]> {
  if (wanted.kind === "words") return wanted.words;
  if (wanted.kind === "files") return [];
  if (wanted.kind === "profiles") return profileNames(around.env);
  const parts = partsOf(around, flagsIn(words));
  return knownIds(parts, wanted.kind === "users" ? null : wanted.user).finally(() => parts.release());
}

/** A person waits: a slower Redis and a larger file aren't used. */
const PATIENCE_S = 0.3;
const LARGEST_FILE = 8_000_000;
const NEWEST = 1000;

/** Of the newest tasks: the task ids of the user, or the users if it is null. From Redis, else from a small file. */
async function knownIds(parts: RunParts, user: string | null): Promise<string[]> {
  const of = user ?? undefined;
  const state = await parts.mirrorState();
  let ids = state.kind === "on" ? await state.mirror.newest(of, NEWEST).catch(() => []) : [];
  const file = await parts.fileStore();
  if (ids.length === 0 && (await stat(file.path)).size <= LARGEST_FILE) {
    await using snapshot = await file.read();
    ids = (await new FileTasks(snapshot).page(ofUser(of), 0, NEWEST)).tasks;
  }
  return [...new Set(ids.map(({ userId, taskId }) => (user === null ? userId : taskId)))];
}

/** Silent, with a short timeout of Redis. */
function partsOf({ terminal, env, cwd, argv, stopSignal: signal }: Surroundings, flags: GlobalFlags): RunParts {
  const loadSettings = async () => {
    const settings = await load({ flags: { ...flags }, env, cwd });
    const { timeout } = settings.redis;
    settings.redis.timeout = { ...timeout, value: Math.min(PATIENCE_S, timeout.value) };
    return settings;
  };
  const caller = { argv, cwd, env, request: null };
  return new RunParts({ clock: terminal.clock, reporter: SILENT, signal, loadSettings, caller });
}

interface ShellLine {
  readonly words: readonly string[];
  /** The word at the cursor, without quotes. */
  readonly current: string;
  readonly isQuoted: boolean;
  /** Length of the part of `current` that bash keeps: it completes only the text after the last `:` or `=`. */
  readonly kept: number;
}

const BREAKS = /[:=]/;

/** Splits a bash command line. Nothing is expanded. */
function splitLine(line: string): ShellLine {
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
    if (quote === "" && !isEscape && BREAKS.test(char)) kept = current.length;
  }
  return { words, current, isQuoted: quote !== "", kept: quote === "" ? kept : 0 };
}

type Wanted =
  | { readonly kind: "words"; readonly words: readonly string[]; readonly about?: ReadonlyMap<string, string> }
  | { readonly kind: "files" }
  | { readonly kind: "profiles" }
  | { readonly kind: "users" }
  | { readonly kind: "tasks"; readonly user: string };

interface Question {
  readonly wanted: Wanted;
  /** The part of the current word before the completed part. */
  readonly before: string;
  readonly typed: string;
  /** Whether another value may follow after a comma. */
  readonly isList: boolean;
}

const HELP = "print help";
const NOTHING: Wanted = { kind: "words", words: [] };
/** The words of the flags that take a list. */
const LISTS: Readonly<Record<string, readonly string[]>> = {
  "--columns": KNOWN_COLUMNS,
  ...Object.fromEntries(
    QUERY_PARTS.flatMap((part) => {
      const { kind, choices } = fieldOf(part);
      return kind === "list" && choices !== undefined ? [[FLAG_NAMES[part], choices]] : [];
    }),
  ),
};

function questionOf(program: Command, words: readonly string[], current: string): Question {
  const line = readLine(program, words);
  if (line.awaiting !== undefined) return valueQuestion(line.awaiting, line, "", current);
  const plain = { before: "", typed: current, isList: false };
  const joined = /^(--[\w-]+=)(.*)$/s.exec(current);
  if (joined !== null) {
    const option = optionOf(line.command, joined[1]!.slice(0, -1));
    return valueQuestion(option, line, joined[1]!, joined[2]!);
  }
  if (current.startsWith("-")) {
    const flags = optionsOf(line.command).map(({ long, description }) => [long ?? "", description] as const);
    const about = new Map([...flags, ["--help", HELP]]);
    return { ...plain, wanted: { kind: "words", words: [...about.keys()], about } };
  }
  const wanted = argumentOf(program, line);
  return wanted.kind === "users" ? memberQuestion(plain, wanted) : { ...plain, wanted };
}

/** After a colon, the task of a `user:task`. */
function memberQuestion(parts: Omit<Question, "wanted">, otherwise: Wanted): Question {
  const [user = "", ...task] = parts.typed.split(":");
  if (task.length === 0) return { ...parts, wanted: otherwise };
  return { ...parts, before: `${parts.before}${user}:`, typed: task.join(":"), wanted: { kind: "tasks", user } };
}

interface Line {
  readonly command: Command;
  readonly operands: string[];
  readonly values: Map<string, string>;
  readonly awaiting: Option | undefined;
}

function readLine(program: Command, words: readonly string[]): Line {
  let command = program;
  const operands: string[] = [];
  const values = new Map<string, string>();
  let awaiting: Option | undefined;
  for (const word of words) {
    if (awaiting !== undefined) {
      values.set(awaiting.long ?? "", word);
      awaiting = undefined;
    } else if (word.startsWith("-")) {
      const [name = "", ...rest] = word.split("=");
      const option = optionOf(command, name);
      if (rest.length > 0) values.set(option?.long ?? name, rest.join("="));
      else if (option?.required) awaiting = option;
      else if (option?.long) values.set(option.long, "");
    } else if (command === program && operands.length === 0 && commandOf(program, word) !== undefined) {
      command = commandOf(program, word)!;
    } else operands.push(word);
  }
  return { command, operands, values, awaiting };
}

function valueQuestion(option: Option | undefined, { values }: Line, before: string, typed: string): Question {
  const name = option?.long ?? "";
  const isList = name in LISTS || name === "--ids";
  const comma = isList ? typed.lastIndexOf(",") + 1 : 0;
  const parts = { before: before + typed.slice(0, comma), typed: typed.slice(comma), isList };
  if (option?.argChoices !== undefined) return { wanted: { kind: "words", words: option.argChoices }, ...parts };
  if (name === "--user") return { wanted: { kind: "users" }, ...parts };
  if (name === "--profile") return { wanted: { kind: "profiles" }, ...parts };
  const user = values.get("--user");
  if (name === "--ids") {
    return user === undefined ? memberQuestion(parts, NOTHING) : { wanted: { kind: "tasks", user }, ...parts };
  }
  if (option?.flags.endsWith("<status>")) return { wanted: { kind: "words", words: SHOWN_STATUSES }, ...parts };
  if (name in LISTS) return { wanted: { kind: "words", words: LISTS[name]! }, ...parts };
  return { wanted: option?.flags.includes("<file>") ? { kind: "files" } : NOTHING, ...parts };
}

function argumentOf(program: Command, { command, operands, values }: Line): Wanted {
  const shown = program.commands.filter((each) => !each.name().startsWith("_"));
  const about = new Map([...shown.map((each) => [each.name(), each.description()] as const), ["help", HELP]]);
  if (command === program && operands.length === 1 && operands[0] === "help") {
    const titles = Object.entries(TOPICS).map(([name, text]) => [name, text.split("\n", 1)[0]!] as const);
    const topics = new Map([...about, ...titles]);
    topics.delete("help");
    return { kind: "words", words: [...topics.keys()], about: topics };
  }
  if (command === program && operands.length > 0) return NOTHING; // an unknown command
  if (command === program) return { kind: "words", words: [...about.keys()], about };
  const argument = command.registeredArguments[operands.length];
  if (argument?.argChoices !== undefined) return { kind: "words", words: argument.argChoices };
  if (command.name() === "cleanup" && !values.has("--explain")) return NOTHING;
  if (argument?.name() === "user") return { kind: "users" };
  if (argument?.name() === "task") return { kind: "tasks", user: operands[0] ?? "" };
  return argument?.name() === "file" ? { kind: "files" } : NOTHING;
}

function optionsOf(command: Command): readonly Option[] {
  return [...command.options, ...inheritedOptions(command)].filter(({ hidden }) => !hidden);
}

function optionOf(command: Command, name: string): Option | undefined {
  return optionsOf(command).find((option) => option.long === name || option.short === name);
}
