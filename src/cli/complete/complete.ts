import { stat } from "node:fs/promises";
import type { Command } from "commander";
import { printable } from "../../printable.ts";
import { Context, type Surroundings } from "../context.ts";
import type { GlobalFlags } from "../globals.ts";
import { Recording } from "../terminal.ts";
import { type Question, questionOf } from "./candidates.ts";

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

/** A person waits for these: a Redis that is slower, and a file that is larger, are done without. */
const PATIENCE_S = 0.3;
const LARGEST_FILE = 8_000_000;
const NEWEST = 1000;

/** Ids of the newest tasks: users, or the tasks of one. Redis is asked, else a small file. */
async function knownIds(context: Context, user: string | null): Promise<string[]> {
  const ids = (await fromMirror(context, user)) ?? (await fromFile(context, user));
  return [...new Set(ids.map(({ userId, taskId }) => (user === null ? userId : taskId)))];
}

async function fromMirror(context: Context, user: string | null) {
  const state = await context.mirrorState();
  if (state.kind !== "on") return null;
  const members = await state.mirror.newest(user ?? undefined, NEWEST).catch(() => []);
  return members.length > 0 ? members : null;
}

async function fromFile(context: Context, user: string | null) {
  const { ofUser } = await import("../../task/filter.ts");
  const { FileTasks } = await import("../../store/file/file-tasks.ts");
  const file = await context.fileStore();
  if ((await stat(file.path)).size > LARGEST_FILE) return [];
  const snapshot = await file.read();
  try {
    return (await new FileTasks(snapshot).page(ofUser(user ?? undefined), 0, NEWEST)).tasks;
  } finally {
    await snapshot.close();
  }
}

/** The context with a Redis that is given up soon. */
async function impatient(context: Context): Promise<Context> {
  const settings = await context.settings();
  const timeout = { ...settings.redis.timeout, value: Math.min(PATIENCE_S, settings.redis.timeout.value) };
  return context.fork({ ...settings, redis: { ...settings.redis, timeout } }, { flags: { quiet: true, verbose: 0 } });
}

/** What stands on a command line up to the cursor. */
interface ShellLine {
  /** The words before the one in hand, as the shell would hand them over. */
  readonly words: readonly string[];
  /** The word in hand, without its quoting. */
  readonly current: string;
  /** Whether the cursor is inside quotes. */
  readonly isQuoted: boolean;
  /** How much of `current` the shell keeps: bash completes only what stands behind the last `:` or `=`. */
  readonly kept: number;
}

const BREAKS = /[:=]/;

/** Splits a bash command line as far as completing needs it; nothing in it is expanded. */
export function splitLine(line: string): ShellLine {
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

const PLAIN = /^[\p{L}\p{N}_.,@%+/:=-]+$/u;

/** Whether a text means itself to every shell, inside quotes and outside. */
function isPlain(text: string): boolean {
  return PLAIN.test(text);
}

/** A text as one word of a POSIX shell, where nothing of it is expanded. */
export function shellQuote(text: string): string {
  return isPlain(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
