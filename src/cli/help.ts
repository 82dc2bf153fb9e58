import { type Command, Option } from "commander";
import { PROFILE_VARIABLE } from "../config/load.ts";
import { CONFIG_VARIABLE, rowOf, SETTING_NAMES } from "../config/settings.ts";
import { EXIT_MEANINGS } from "../errors.ts";
import { VERSION } from "../version.ts";
import { formatsOf } from "./terminal.ts";

/** The remarks and examples below the flags of each command. */
export const EXAMPLES = new WeakMap<Command, string>();

/** The help of each command has the global flags. */
export const HELP = {
  showGlobalOptions: true,
  optionDescription,
  visibleGlobalOptions: (command: Command) => inheritedOptions(command).filter(({ long }) => long !== "--version"),
};

/** Like commander's, without the defaults of switches and presets. */
function optionDescription({ description, argChoices, defaultValue }: Option): string {
  const notes = argChoices === undefined ? [] : [argChoices.join(", ")];
  if (typeof defaultValue === "string") notes.push(`default: ${defaultValue}`);
  return notes.length === 0 ? description : `${description} (${notes.join("; ")})`;
}

/** The program's options as one of its commands has them. */
export function inheritedOptions(command: Command): Option[] {
  const formats = formatsOf(command.name());
  return (command.parent?.options ?? []).map((option) => {
    if (option.long !== "--output") return option;
    return new Option(option.flags, option.description).default(formats[0]).choices(formats);
  });
}

const VARIABLES: readonly (readonly [name: string, help?: string])[] = [
  [CONFIG_VARIABLE, "the config.ini"],
  [PROFILE_VARIABLE, "the profile: a named config.ini"],
  ...SETTING_NAMES.flatMap((name) => (rowOf(name).env ? [rowOf(name).env!] : [])),
  ["TTSCTL_PAGER, PAGER", "for long tables; cat for none"],
  ["NO_COLOR, FORCE_COLOR", "no colours; colours in a pipe too"],
];

function exitLines([code, meaning]: [string, string]): string {
  const lines = meaning.replaceAll("`", "").match(/.{1,73}(?= |$)/g)!;
  return `${code.padStart(5)}  ${lines.map((line) => line.trim()).join("\n       ")}\n`;
}

export const TOPICS: Readonly<Record<string, readonly [title: string, text: string]>> = {
  "exit-codes": [
    "Exit codes",
    `${Object.entries(EXIT_MEANINGS).map(exitLines).join("")}
With -o json or jsonl an error is an object {"error", "code", "hint"} on stderr.`,
  ],
  environment: [
    "Environment",
    `${VARIABLES.map(([name, help]) => `  ${name.padEnd(26)} ${help}\n`).join("")}
Flags override variables, variables override config.ini. An empty variable
counts as unset. ttsctl config shows all settings in force.`,
  ],
};

export function manPage(program: Command): string {
  return [
    `.TH TTSCTL 1 "" "ttsctl ${VERSION}" "User Commands"`,
    ...[".SH NAME", `ttsctl \\- ${roff("operate the tasks of a text-to-speech service")}`],
    ...[".SH SYNOPSIS", ".B ttsctl", `${roff("[options] command [arguments]")}`],
    ...[".SH DESCRIPTION", roff(program.description())],
    ...[".SH OPTIONS OF EVERY COMMAND", ...program.options.flatMap(optionLines)],
    ".SH COMMANDS",
    ...program.commands.flatMap(commandLines),
    ...[".SH EXIT STATUS", ...plainLines(TOPICS["exit-codes"]![1])],
    ...[".SH ENVIRONMENT", ...plainLines(TOPICS.environment![1])],
    ".SH FILES",
    roff("config.ini, the service's own, in the working directory; voice_task.json beside it."),
    roff("~/.config/ttsctl/NAME.ini: the profile NAME."),
    "",
  ].join("\n");
}

function commandLines(command: Command): string[] {
  const names = [command.name(), ...command.aliases()].join(", ");
  return [
    `.SS ${roff(`${names} ${command.usage()}`.replace("[options] ", ""))}`,
    roff(command.description()),
    ...command.options.flatMap(optionLines),
    ...plainLines(EXAMPLES.get(command)!.trim()),
  ];
}

function optionLines(option: Option): string[] {
  return [".TP", `.B ${roff(option.flags)}`, roff(optionDescription(option))];
}

function plainLines(text: string): string[] {
  return [".PP", ".nf", ...text.split("\n").map((line) => (line === "" ? ".sp" : roff(line))), ".fi"];
}

/** Escaped, so roff reads it as text. */
function roff(line: string): string {
  const escaped = line.replaceAll("\\", "\\e").replaceAll("-", "\\-");
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}
