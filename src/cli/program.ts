import { Command, CommanderError, Option } from "commander";
import { TtsctlError } from "../errors.ts";
import { nearest } from "../task/nearest.ts";
import { VERSION } from "../version.ts";
import type { Attach } from "./attach.ts";
import { declareCleanup } from "./commands/cleanup.ts";
import { declareCompletion } from "./commands/completion.ts";
import { declareConfig } from "./commands/config.ts";
import { declareDelete } from "./commands/delete.ts";
import { declareDoctor } from "./commands/doctor.ts";
import { declareExport } from "./commands/export.ts";
import { declareGet } from "./commands/get.ts";
import { declareImport } from "./commands/import.ts";
import { declareList } from "./commands/list.ts";
import { declareMark } from "./commands/mark.ts";
import { declareQuery } from "./commands/query.ts";
import { declareServe } from "./commands/serve.ts";
import { declareStats } from "./commands/stats.ts";
import { declareSync } from "./commands/sync.ts";
import { declareVerify } from "./commands/verify.ts";
import { Context, type Surroundings, settingFlagsOf } from "./context.ts";
import { FORMATS, type GlobalFlags } from "./globals.ts";
import { groupHelp, helpWidth, TOPICS, wrapHelp } from "./help.ts";
import { LOG_FORMATS } from "./log.ts";

const DECLARATIONS = [
  ...[declareList, declareQuery, declareGet, declareStats, declareVerify],
  ...[declareSync, declareCleanup, declareDelete, declareMark],
  ...[declareExport, declareImport],
  ...[declareConfig, declareDoctor, declareServe, declareCompletion],
] as const;

/** Parses the command line, runs what it names, and returns the exit code. */
export async function runProgram(surroundings: Surroundings): Promise<number> {
  let exitCode = 0;
  const attach: Attach = (command, action) => {
    command.action(async () => {
      const flags = command.optsWithGlobals();
      const context = new Context(surroundings, flags as GlobalFlags, settingFlagsOf(flags));
      try {
        exitCode = await action(context, flags as never, command.args);
      } finally {
        await context.release();
      }
    });
  };
  let help = "";
  const program = declareProgram(attach, (text) => {
    help += text;
  });
  const { columns } = surroundings.terminal.outStream;
  groupHelp(program, columns);
  const topic =
    surroundings.argv.length === 2 && surroundings.argv[0] === "help" ? TOPICS[surroundings.argv[1]!] : undefined;
  if (topic !== undefined) {
    await surroundings.terminal.out.write(topic);
    return exitCode;
  }
  try {
    await program.parseAsync(argumentsOf(program, surroundings.argv), { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const isHelp = error.exitCode === 0 || error.code === "commander.help";
    if (!isHelp) throw usageError(error, commandNamed(program, surroundings.argv));
  }
  await surroundings.terminal.out.write(wrapHelp(help, helpWidth(columns)));
  return exitCode;
}

/** All commands with their flags, as commander knows them; what they print as help goes to `write`. */
export function declareProgram(attach: Attach, write: (text: string) => void = () => {}): Command {
  const program = newProgram(write);
  for (const declare of DECLARATIONS) declare(program, attach);
  return program;
}

function newProgram(write: (text: string) => void): Command {
  return new Command("ttsctl")
    .description("Operate the tasks of a text-to-speech service: its store file, and the mirror of it in Redis.")
    .version(VERSION, "-V, --version", "print the version")
    .option("--config <file>", "the config.ini (default: $TTSCTL_CONFIG, else ./config.ini)")
    .option("--store <file>", "the store file, instead of [store] path")
    .option("--redis-url <url>", "redis://, rediss:// or unix://, instead of [redis]")
    .option("--no-redis", "work with the store file alone")
    .addOption(new Option("-o, --output <format>", "how results are printed").choices(FORMATS).default("table"))
    .addOption(
      new Option("--log-format <format>", "how warnings, log lines and errors are printed")
        .choices(LOG_FORMATS)
        .default("text"),
    )
    .option("--no-color", "no colours (also NO_COLOR)")
    .option("-q, --quiet", "no warnings and no progress", false)
    .option("-v, --verbose", "say what is done; twice: with stacks", (_: string, before: number) => before + 1, 0)
    .helpOption("-h, --help", "print help")
    .addHelpCommand(new Command("help").argument("[command]").description("print help").helpGroup("Set up:"))
    .configureOutput({ writeOut: write, writeErr: write, outputError: () => {} })
    .exitOverride();
}

/** `help` with a word that is no command is that unknown command: commander would print the help of all. */
function argumentsOf(program: Command, argv: readonly string[]): string[] {
  const [first, named] = argv;
  const isUnknown = first === "help" && named !== undefined && named !== "help" && !named.startsWith("-");
  return isUnknown && commandNamed(program, [named]) === program ? [named] : [...argv];
}

/** The first argument that names a command. */
function commandNamed(program: Command, argv: readonly string[]): Command {
  for (const arg of argv) {
    const command = program.commands.find((one) => one.name() === arg || one.aliases().includes(arg));
    if (command !== undefined) return command;
  }
  return program;
}

/** commander says it over several lines and calls it exit code 1. */
function usageError({ message }: CommanderError, command: Command): TtsctlError {
  const [first = "", ...more] = message
    .replace(/^error: /, "")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.replace(/^\((.*)\)$/, "$1"));
  const like = likeOf(first);
  if (like.length > 0) more.push(`Did you mean ${like.join(" or ")}?`);
  return new TtsctlError("USAGE", first, { hint: more.length > 0 ? more.join(" ") : seeHelp(command) });
}

function seeHelp(command: Command): string {
  return command.parent === null ? "see ttsctl --help" : `see ttsctl ${command.name()} --help`;
}

/** The choices like the one that was mistyped. */
function likeOf(message: string): string[] {
  const match = /(?:argument|value) '(.*?)' is invalid.* Allowed choices are (.*)\.$/s.exec(message);
  return match === null ? [] : nearest(match[1]!, match[2]!.split(", "));
}
