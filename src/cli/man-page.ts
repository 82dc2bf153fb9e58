import type { Command, Option } from "commander";
import { VERSION } from "../version.ts";
import { TOPICS } from "./help.ts";

export function manPage(program: Command): string {
  return [
    `.TH TTSCTL 1 "" "ttsctl ${VERSION}" "User Commands"`,
    ...[".SH NAME", `ttsctl \\- ${roff("operate the tasks of a text-to-speech service")}`],
    ...[".SH SYNOPSIS", ".B ttsctl", `${roff("[options] command [arguments]")}`],
    ...[".SH DESCRIPTION", roff(program.description())],
    ...[".SH OPTIONS OF EVERY COMMAND", ...program.options.flatMap(optionLines)],
    ".SH COMMANDS",
    ...program.commands.flatMap(commandLines),
    ...[".SH EXIT STATUS", ...plainLines(bodyOf(TOPICS["exit-codes"]!))],
    ...[".SH ENVIRONMENT", ...plainLines(bodyOf(TOPICS.environment!))],
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
    ...command.options.filter(({ hidden }) => !hidden).flatMap(optionLines),
    ...plainLines(afterHelp(command)),
  ];
}

function optionLines({ flags, description, argChoices, defaultValue }: Option): string[] {
  const choices = argChoices === undefined ? "" : ` (${argChoices.join(", ")})`;
  const standard = typeof defaultValue === "string" ? ` (default: ${defaultValue})` : "";
  return [".TP", `.B ${roff(flags)}`, roff(description + choices + standard)];
}

/** The remarks and examples below the flags. */
export function afterHelp(command: Command): string {
  let text = "";
  command.configureOutput({
    writeOut: (piece) => {
      text += piece;
    },
  });
  command.outputHelp();
  const above = command.helpInformation();
  return text.slice(text.indexOf(above) + above.length).trim();
}

function bodyOf(topic: string): string {
  return topic.slice(topic.indexOf("\n")).replace(/^\n+|\n+$/g, "");
}

function plainLines(text: string): string[] {
  return text === ""
    ? []
    : [".PP", ".nf", ...text.split("\n").map((line) => (line === "" ? ".sp" : roff(line))), ".fi"];
}

/** Escaped, so roff reads it as text. */
function roff(line: string): string {
  const escaped = line.replaceAll("\\", "\\e").replaceAll("-", "\\-");
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}
