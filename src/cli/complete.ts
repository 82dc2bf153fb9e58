import { stat } from "node:fs/promises";
import type { Command, Option } from "commander";
import { profileNames } from "../config/load.ts";
import { isShellWord, printable, shellQuote } from "../printable.ts";
import { KNOWN_COLUMNS } from "../render/item.ts";
import { fileTasks } from "../store/file/file-tasks.ts";
import { FLAG_NAMES, fieldOf, ofUser, QUERY_PARTS } from "../task/query-fields.ts";
import { SHOWN_STATUSES } from "../task/status.ts";
import { Context, type Surroundings } from "./context.ts";
import { inheritedOptions, TOPICS } from "./help.ts";
import { commandOf } from "./program.ts";
import { flagsIn } from "./terminal.ts";

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
  const { wanted, before, typed, isList } = questionOf(program, words, line.current);
  const found = await candidatesOf(wanted, words, around).catch(() => []);
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

async function candidatesOf(wanted: Wanted, words: readonly string[], around: Surroundings) {
  if (wanted === "files") return [];
  if (wanted === "profiles") return profileNames(around.env);
  if (wanted instanceof Map) return [...wanted.keys()];
  if (Array.isArray(wanted)) return wanted;
  const context = new Context(around, { ...flagsIn(words), verbose: 0 });
  return knownIds(context, wanted === "users" ? null : wanted.tasksOf).finally(() => context.release());
}

/** A person waits: a slower Redis and a larger file aren't used. */
const PATIENCE_S = 0.3;
const LARGEST_FILE = 8_000_000;
const NEWEST = 1000;

/** Of the newest tasks: the task ids of the user, or the users if it is null. From Redis, else from a small file. */
async function knownIds(parts: Context, user: string | null): Promise<string[]> {
  const { timeout } = (await parts.settings()).redis;
  timeout.value = Math.min(PATIENCE_S, timeout.value);
  const of = user ?? undefined;
  const state = await parts.mirrorState();
  let ids = state.kind === "on" ? await state.mirror.newest(of, NEWEST).catch(() => []) : [];
  const file = await parts.fileStore();
  if (ids.length === 0 && (await stat(file.path)).size <= LARGEST_FILE) {
    await using snapshot = await file.read();
    ids = (await fileTasks(snapshot).page(ofUser(of), 0, NEWEST)).tasks;
  }
  return [...new Set(ids.map(({ userId, taskId }) => (user === null ? userId : taskId)))];
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

interface Question {
  readonly wanted: Wanted;
  /** The part of the current word before the completed part. */
  readonly before: string;
  readonly typed: string;
  /** Whether another value may follow after a comma. */
  readonly isList: boolean;
}

const HELP = "print help";
/** The words of the flags that take a list. */
const LISTS = new Map<string, readonly string[]>([["--columns", KNOWN_COLUMNS]]);
for (const part of QUERY_PARTS) {
  const { kind, choices } = fieldOf(part);
  if (kind === "list" && choices !== undefined) LISTS.set(FLAG_NAMES[part], choices);
}

function questionOf(program: Command, words: readonly string[], current: string): Question {
  const line = readLine(program, words);
  if (line.awaiting !== undefined) return valueQuestion(line.awaiting, line, "", current);
  const [, flag, value] = /^(--[\w-]+=)(.*)$/s.exec(current) ?? [];
  if (flag !== undefined) return valueQuestion(optionOf(line.command, flag.slice(0, -1)), line, flag, value!);
  const plain = { before: "", typed: current, isList: false };
  if (current.startsWith("-")) {
    const flags = optionsOf(line.command).map(({ long, description }) => [long ?? "", description] as const);
    return { ...plain, wanted: new Map([...flags, ["--help", HELP]]) };
  }
  const wanted = argumentOf(program, line);
  return wanted === "users" ? memberQuestion(plain, wanted) : { ...plain, wanted };
}

/** After a colon, the task of a `user:task`. */
function memberQuestion(parts: Omit<Question, "wanted">, otherwise: Wanted): Question {
  const [user = "", ...task] = parts.typed.split(":");
  if (task.length === 0) return { ...parts, wanted: otherwise };
  return { ...parts, before: `${parts.before}${user}:`, typed: task.join(":"), wanted: { tasksOf: user } };
}

type Line = ReturnType<typeof readLine>;

function readLine(program: Command, words: readonly string[]) {
  let command = program;
  const operands: string[] = [];
  const values = new Map<string, string>();
  let awaiting: Option | undefined;
  for (const word of words) {
    const named = command === program && operands.length === 0 ? commandOf(program, word) : undefined;
    if (awaiting !== undefined) {
      values.set(awaiting.long ?? "", word);
      awaiting = undefined;
    } else if (word.startsWith("-")) {
      const [name = "", ...rest] = word.split("=");
      const option = optionOf(command, name);
      if (option?.required && rest.length === 0) awaiting = option;
      else values.set(option?.long ?? name, rest.join("="));
    } else if (named !== undefined) command = named;
    else operands.push(word);
  }
  return { command, operands, values, awaiting };
}

function valueQuestion(option: Option | undefined, { values }: Line, before: string, typed: string): Question {
  const name = option?.long ?? "";
  const isList = LISTS.has(name) || name === "--ids";
  const comma = isList ? typed.lastIndexOf(",") + 1 : 0;
  const parts = { before: before + typed.slice(0, comma), typed: typed.slice(comma), isList };
  const user = values.get("--user");
  if (name === "--ids" && user === undefined) return memberQuestion(parts, []);
  const words = option?.argChoices ?? LISTS.get(name);
  return { ...parts, wanted: words === undefined ? otherValue(option, name, user) : [...words] };
}

function otherValue(option: Option | undefined, name: string, user: string | undefined): Wanted {
  if (name === "--ids") return { tasksOf: user! };
  if (name === "--user") return "users";
  if (name === "--profile") return "profiles";
  if (option?.flags.endsWith("<status>")) return [...SHOWN_STATUSES];
  return option?.flags.includes("<file>") ? "files" : [];
}

function argumentOf(program: Command, { command, operands, values }: Line): Wanted {
  if (command === program) {
    const about = new Map(program.commands.map((each) => [each.name(), each.description()]));
    if (operands.length === 0) return about.set("help", HELP);
    if (operands.length > 1 || operands[0] !== "help") return []; // an unknown command
    for (const [name, text] of Object.entries(TOPICS)) about.set(name, text.split("\n", 1)[0]!);
    return about;
  }
  const argument = command.registeredArguments[operands.length];
  if (argument?.argChoices !== undefined) return argument.argChoices;
  if (command.name() === "cleanup" && !values.has("--explain")) return [];
  if (argument?.name() === "user") return "users";
  if (argument?.name() === "task") return { tasksOf: operands[0] ?? "" };
  return argument?.name() === "file" ? "files" : [];
}

function optionsOf(command: Command): readonly Option[] {
  return [...command.options, ...inheritedOptions(command)];
}

function optionOf(command: Command, name: string): Option | undefined {
  return optionsOf(command).find((option) => option.long === name || option.short === name);
}
