import type { Command, Option } from "commander";
import { KNOWN_COLUMNS } from "../../render/task-table.ts";
import { SHOWN_STATUSES } from "../../task/status.ts";
import { TOPICS } from "../help.ts";

/** What may come next on a command line. */
export type Wanted =
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "files" }
  | { readonly kind: "users" }
  | { readonly kind: "tasks"; readonly user: string };

/** The word in hand: the part that is completed, and what stands before it in the same word. */
export interface Question {
  readonly wanted: Wanted;
  readonly before: string;
  readonly typed: string;
  /** Whether another value may follow behind a comma. */
  readonly isList: boolean;
}

const NOTHING: Wanted = { kind: "words", words: [] };
const LISTS: Readonly<Record<string, readonly string[]>> = { "--status": SHOWN_STATUSES, "--columns": KNOWN_COLUMNS };

/** What is asked for behind these words, by the definitions of the commands. */
export function questionOf(program: Command, words: readonly string[], current: string): Question {
  const line = readLine(program, words);
  if (line.awaiting !== undefined) return valueQuestion(line.awaiting, line, "", current);
  const joined = /^(--[\w-]+=)(.*)$/s.exec(current);
  if (joined !== null) {
    const option = optionOf(line.command, joined[1]!.slice(0, -1));
    return valueQuestion(option, line, joined[1]!, joined[2]!);
  }
  if (current.startsWith("-")) return question({ kind: "words", words: flagsOf(line.command) }, "", current);
  return question(argumentOf(program, line), "", current);
}

interface Line {
  readonly command: Command;
  readonly operands: string[];
  readonly values: Map<string, string>;
  /** The option whose value comes next. */
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
  const user = values.get("--user");
  if (name === "--ids" && user !== undefined) return { wanted: { kind: "tasks", user }, ...parts };
  if (name in LISTS) return { wanted: { kind: "words", words: LISTS[name]! }, ...parts };
  return { wanted: option?.flags.includes("<file>") ? { kind: "files" } : NOTHING, ...parts };
}

function argumentOf(program: Command, { command, operands }: Line): Wanted {
  const commands = program.commands.map((each) => each.name()).filter((name) => !name.startsWith("_"));
  if (command === program && operands.length === 1 && operands[0] === "help") {
    return { kind: "words", words: [...commands, ...Object.keys(TOPICS)] };
  }
  if (command === program && operands.length > 0) return NOTHING; // a command that there is none of
  if (command === program) return { kind: "words", words: [...commands, "help"] };
  const argument = command.registeredArguments[operands.length];
  if (argument?.argChoices !== undefined) return { kind: "words", words: argument.argChoices };
  if (argument?.name() === "user") return { kind: "users" };
  if (argument?.name() === "task") return { kind: "tasks", user: operands[0] ?? "" };
  return argument?.name() === "file" ? { kind: "files" } : NOTHING;
}

function question(wanted: Wanted, before: string, typed: string): Question {
  return { wanted, before, typed, isList: false };
}

function commandOf(program: Command, word: string): Command | undefined {
  return program.commands.find((command) => command.name() === word || command.aliases().includes(word));
}

function optionsOf(command: Command): readonly Option[] {
  return [...command.options, ...(command.parent?.options ?? [])].filter(({ hidden }) => !hidden);
}

function optionOf(command: Command, name: string): Option | undefined {
  return optionsOf(command).find((option) => option.long === name || option.short === name);
}

function flagsOf(command: Command): string[] {
  return [...optionsOf(command).map(({ long }) => long ?? ""), "--help"];
}
