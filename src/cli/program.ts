import { Command, CommanderError, Option } from "commander";
import { TtsctlError } from "../errors.ts";
import { VERSION } from "../version.ts";
import type { Attach } from "./attach.ts";
import { declareCleanup } from "./commands/cleanup.ts";
import { declareConfig } from "./commands/config.ts";
import { declareDelete } from "./commands/delete.ts";
import { declareDoctor } from "./commands/doctor.ts";
import { declareExport } from "./commands/export.ts";
import { declareGet } from "./commands/get.ts";
import { declareImport } from "./commands/import.ts";
import { declareList } from "./commands/list.ts";
import { declareMark } from "./commands/mark.ts";
import { declareQuery } from "./commands/query.ts";
import { declareStats } from "./commands/stats.ts";
import { declareSync } from "./commands/sync.ts";
import { declareVerify } from "./commands/verify.ts";
import { Context, type Surroundings } from "./context.ts";
import { FORMATS, type GlobalFlags } from "./globals.ts";
import { LOG_FORMATS } from "./log.ts";

const DECLARATIONS = [
  ...[declareSync, declareList, declareQuery, declareGet, declareStats, declareVerify],
  ...[declareCleanup, declareDelete, declareMark, declareExport, declareImport, declareConfig, declareDoctor],
] as const;

/** Parses the command line, runs what it names, and returns the exit code. */
export async function runProgram(surroundings: Surroundings): Promise<number> {
  let exitCode = 0;
  const attach: Attach = (command, action) => {
    command.action(async () => {
      const flags = command.optsWithGlobals();
      const { retention, keepLast, maxBytes } = flags;
      const context = new Context(surroundings, flags as GlobalFlags, { retention, keepLast, maxBytes });
      try {
        exitCode = await action(context, flags as never, command.args);
      } finally {
        await context.release();
      }
    });
  };
  let help = "";
  const program = newProgram((text) => {
    help += text;
  });
  for (const declare of DECLARATIONS) declare(program, attach);
  try {
    await program.parseAsync([...surroundings.argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0 && error.code !== "commander.help") throw usageError(error);
  }
  await surroundings.terminal.out.write(help);
  return exitCode;
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
    .helpCommand("help [command]", "print help")
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeOut: write, writeErr: write, outputError: () => {} })
    .exitOverride()
    .addHelpText("after", "\nEach command has examples: ttsctl <command> --help");
}

/** commander says it over several lines and calls it exit code 1. */
function usageError({ message }: CommanderError): TtsctlError {
  const [first = "", ...more] = message
    .replace(/^error: /, "")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.replace(/^\((.*)\)$/, "$1"));
  return new TtsctlError("USAGE", first, { hint: more.length > 0 ? more.join(" ") : "see ttsctl --help" });
}
