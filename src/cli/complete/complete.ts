import type { Command } from "commander";
import { printable } from "../../printable.ts";
import { Context, type Surroundings } from "../context.ts";
import type { GlobalFlags } from "../globals.ts";
import { Recording } from "../terminal.ts";
import { type Question, questionOf } from "./candidates.ts";
import { impatient, knownIds } from "./known-ids.ts";
import { isPlain, type ShellLine, shellQuote, splitLine } from "./shell-words.ts";

/**
 * What the completion scripts ask: `bash LINE`, the line up to the cursor, or `words WORD...`, the last one in hand. The
 * answer is a line of directives for the script (`files`, `nospace`) and then a candidate a line; for bash each is quoted, so
 * that no id can become a command. It never fails and says nothing on stderr.
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
  const whole = matching.map((word) => question.before + word);
  const shown = isBash ? whole.flatMap((word) => inBash(word, line)) : whole;
  const directives = ["-", question.wanted.kind === "files" && "files", question.isList && "nospace"];
  return `${[directives.filter(Boolean).join(" "), ...shown].join("\n")}\n`;
}

/** Inside quotes bash inserts a word as it stands: only one that needs no quoting is offered there. */
function inBash(word: string, { isQuoted, kept }: ShellLine): string[] {
  if (isQuoted) return isPlain(word) ? [word] : [];
  return [shellQuote(word.slice(kept))];
}

async function candidatesOf(
  { wanted }: Question,
  words: readonly string[],
  around: Surroundings,
): Promise<readonly string[]> {
  if (wanted.kind === "words") return wanted.words;
  if (wanted.kind === "files") return [];
  const silent = { ...around, terminal: new Recording(around.terminal).terminal };
  const context = new Context(silent, flagsAmong(words));
  const quick = await impatient(context);
  try {
    return await knownIds(quick, wanted.kind === "users" ? null : wanted.user);
  } finally {
    await quick.release();
  }
}

/** The flags that say where the store is, wherever they stand. */
function flagsAmong(words: readonly string[]): GlobalFlags {
  const value = (name: string) => {
    const i = words.findIndex((word) => word === name || word.startsWith(`${name}=`));
    if (i < 0) return undefined;
    return words[i] === name ? words[i + 1] : words[i]!.slice(name.length + 1);
  };
  const [config, store, redisUrl] = ["--config", "--store", "--redis-url"].map(value);
  return {
    ...(config === undefined ? {} : { config }),
    ...(store === undefined ? {} : { store }),
    ...(redisUrl === undefined ? {} : { redisUrl }),
    ...{
      redis: !words.includes("--no-redis"),
      color: false,
      output: "table",
      logFormat: "text",
      quiet: true,
      verbose: 0,
    },
  };
}
