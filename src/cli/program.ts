import { type Argument, Command, CommanderError, Option, type OutputConfiguration } from "commander";
import { type TtsctlError, usage } from "../errors.ts";
import { acceptedFor } from "../task/nearest.ts";
import { VERSION } from "../version.ts";
import { type CommandSpec, Context, type Flags, type Surroundings } from "./context.ts";
import { EXAMPLES, HELP, TOPICS } from "./help.ts";
import { LOG_FORMATS } from "./io.ts";
import { ADDING, addOne, settingOption } from "./selection.ts";
import { FORMATS, formatsOf, type GlobalFlags } from "./terminal.ts";

/** A command: its heading in the help, and its names. */
type Row = readonly [group: string, names: readonly [string, ...string[]], load: () => Promise<{ spec: CommandSpec }>];

/** In the order of the help. Only the named command is loaded: loading all takes longer than most commands run. */
const COMMANDS: readonly Row[] = [
  ["Look:", ["list", "ls"], () => import("./commands/list.ts")],
  ["Look:", ["query"], () => import("./commands/list.ts").then(({ query }) => ({ spec: query }))],
  ["Look:", ["get"], () => import("./commands/get.ts")],
  ["Look:", ["logs"], () => import("./commands/logs.ts")],
  ["Look:", ["stats"], () => import("./commands/stats.ts")],
  ["Look:", ["top"], () => import("./top/run.ts")],
  ["Look:", ["events"], () => import("./commands/events.ts")],
  ["Look:", ["verify"], () => import("./commands/verify.ts")],
  ["Change:", ["sync"], () => import("./commands/sync.ts")],
  ["Change:", ["cleanup"], () => import("./commands/cleanup.ts")],
  ["Change:", ["delete", "rm"], () => import("./commands/delete.ts")],
  ["Change:", ["mark"], () => import("./commands/mark.ts")],
  ["Move:", ["export"], () => import("./commands/export.ts")],
  ["Move:", ["import"], () => import("./commands/import.ts")],
  ["Set up:", ["config"], () => import("./commands/config.ts")],
  ["Set up:", ["doctor"], () => import("./commands/doctor.ts")],
  ["Set up:", ["serve"], () => import("./commands/serve.ts")],
  ["Set up:", ["completion"], () => import("./commands/completion.ts")],
];

export async function runProgram(surroundings: Surroundings): Promise<number> {
  const { argv, terminal } = surroundings;
  let exitCode = 0;
  const act: Act = async (command, run) => {
    const flags = command.optsWithGlobals();
    const formats = formatsOf(command.name());
    if (command.getOptionValueSourceWithGlobals("output") === "default") flags.output = formats[0];
    if (!formats.includes(flags.output)) {
      throw usage(`${command.name()} can't print -o ${flags.output}`, `accepted: ${formats.join(", ")}`);
    }
    const context = new Context(surroundings, flags as GlobalFlags);
    try {
      exitCode = (await run(context, flags as Flags, command.args)) ?? 0;
    } finally {
      await context.release();
    }
  };
  const named = COMMANDS.filter(([, names]) => names.some((name) => argv.includes(name)));
  if (named.length > 0) {
    try {
      await (await declareProgram(named, act)).parseAsync(argv, { from: "user" });
      return exitCode;
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error;
    }
  }
  // Help and usage errors need all commands.
  const topic = argv.length === 2 && argv[0] === "help" ? TOPICS[argv[1]!] : undefined;
  const help = topic === undefined ? [] : [`${topic.join("\n\n")}\n`];
  if (topic === undefined) {
    const write = (text: string) => void help.push(text);
    const width = Math.max(40, Math.min(80, terminal.streams.stdout.columns || 80));
    const output = { writeOut: write, writeErr: write, getOutHelpWidth: () => width };
    const program = await declareProgram(COMMANDS, act, output);
    await program.parseAsync(argumentsOf(program, argv), { from: "user" }).catch((error) => {
      if (!(error instanceof CommanderError)) throw error;
      const isHelp = error.exitCode === 0 || error.code === "commander.help";
      if (!isHelp) throw usageError(error, commandNamed(program, argv));
    });
  }
  await terminal.out.write(help.join(""));
  return exitCode;
}

type Act = (command: Command, run: CommandSpec["run"]) => Promise<void>;

/** @param act runs the command that is named */
export async function declareProgram(commands = COMMANDS, act: Act = async () => {}, output: OutputConfiguration = {}) {
  const program = newProgram(output);
  const loaded = await Promise.all(commands.map(([, , load]) => load()));
  for (const [i, [group, [name, ...aliases]]] of commands.entries()) {
    const { about, declare, run, examples } = loaded[i]!.spec;
    const command = program.commandsGroup(group).command(name).aliases(aliases);
    command.description(about).addHelpText("after", examples);
    EXAMPLES.set(command, examples);
    declare?.(command);
    command.action(() => act(command, run));
  }
  for (const command of [program, ...program.commands]) {
    refuseRepeats(command);
    for (const named of [...command.options, ...command.registeredArguments]) refuseUnknown(named);
  }
  return program;
}

function refuseUnknown(named: Option | Argument): void {
  const { argChoices: choices } = named;
  if (choices === undefined) return;
  named.argParser((word: string) => {
    if (choices.includes(word)) return word;
    const name = named instanceof Option ? named.long : named.name();
    throw usage(`${name}: unknown ${JSON.stringify(word)}`, acceptedFor(word, choices));
  });
}

/** commander takes the last of a repeated flag, which may not be what was meant. */
function refuseRepeats(command: Command): void {
  const given = new Set<Option>();
  for (const option of command.options.filter(({ parseArg }) => !ADDING.includes(parseArg))) {
    command.on(`option:${option.name()}`, () => {
      if (given.has(option)) throw usage(`${option.long} is given twice`, "give it once");
      given.add(option);
    });
  }
}

const MORE_HELP = `
Topics: ttsctl help exit-codes, ttsctl help environment
Examples: ttsctl <command> --help`;
const SILENT = { writeOut: () => {}, writeErr: () => {}, outputError: () => {} };

function newProgram(output: OutputConfiguration): Command {
  const profile = "use the config.ini of this profile; `ttsctl config profiles` lists them (default: $TTSCTL_PROFILE)";
  const logFormat = new Option("--log-format <format>", "how warnings, log lines and errors are printed");
  return new Command("ttsctl")
    .description("Operate the tasks of a text-to-speech service: its store file and the copy in Redis.")
    .version(VERSION, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .optionsGroup("Connection:")
    .option("--config <file>", "the config.ini (default: $TTSCTL_CONFIG, else ./config.ini)")
    .option("--profile <name>", profile)
    .addOption(settingOption("store.path"))
    .addOption(settingOption("redis.url"))
    .addOption(settingOption("redis.enabled"))
    .optionsGroup("Output:")
    .addOption(new Option("-o, --output <format>", "how results are printed").choices(FORMATS).default("table"))
    .addOption(logFormat.choices(LOG_FORMATS).default("text"))
    .option("--no-color", "no colours (also NO_COLOR)")
    .option("-q, --quiet", "no warnings, no progress, no line for each task", false)
    .option("-v, --verbose", "log each step; twice: with stack traces", addOne, 0)
    .addHelpCommand(new Command("help").argument("[command]").description("print help").helpGroup("Set up:"))
    .addHelpText("after", MORE_HELP)
    .configureHelp(HELP)
    .configureOutput({ ...SILENT, ...output })
    .exitOverride();
}

/** `help` with an unknown command is that command, because commander would print the help of the program. */
function argumentsOf(program: Command, argv: readonly string[]): string[] {
  const [first, named = "-"] = argv;
  const isUnknown = first === "help" && named !== "help" && !named.startsWith("-");
  return isUnknown && commandNamed(program, [named]) === program ? [named] : [...argv];
}

/** The first argument that names a command. */
function commandNamed(program: Command, argv: readonly string[]): Command {
  return argv.map((arg) => commandOf(program, arg)).find((command) => command !== undefined) ?? program;
}

export function commandOf(program: Command, word: string): Command | undefined {
  return program.commands.find((command) => command.name() === word || command.aliases().includes(word));
}

/** As one line, with our exit code. */
function usageError({ code, message }: CommanderError, command: Command): TtsctlError {
  const lines = message.replace(/^error: /, "").split("\n");
  const [first = "", ...more] = lines.filter((line) => line !== "").map((line) => line.replace(/^\((.*)\)$/, "$1"));
  const isPace = code === "commander.excessArguments" && command.opts().watch;
  if (isPace) more.push("--interval sets the seconds between two tables");
  const see = command.parent === null ? "see ttsctl --help" : `see ttsctl ${command.name()} --help`;
  return usage(first, more.length > 0 ? more.join(" ") : see);
}
