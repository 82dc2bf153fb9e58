import { type Command, Option } from "commander";
import { rowOf, type SettingName } from "../config/settings.ts";
import { TIME_STYLES } from "../render/time-text.ts";
import { addUser, addWords, columnsOf, limitOf, maxDelete, watchSeconds, wholeNumber } from "./flags.ts";

/** The flags that choose tasks: the same for every command that does. */
export function addSelection(command: Command, statusFlag = "-s, --status <words>"): Command {
  return command
    .option("-u, --user <id>", "tasks of this user; may be given several times", addUser)
    .option("-i, --ids <ids>", "these tasks of the user, separated by commas or spaces", addWords)
    .option(statusFlag, "wait, run, done, error, or the service's own words, separated by commas", addWords)
    .option("--since <time>", "last changed at or after: ISO time, or an age such as 2h")
    .option("--until <time>", "last changed before: ISO time, or an age such as 7d");
}

export function addPaging(command: Command): Command {
  return command
    .option("-p, --page <n>", "which page, from 1", wholeNumber)
    .option("-n, --page-size <n>", "tasks on a page, 1 to 1000 (default: 20)", wholeNumber);
}

export function addSource(command: Command): Command {
  const source = new Option("--source <store>", "who answers: a forced store never asks the other");
  return command.addOption(source.choices(["auto", "redis", "file"]).default("auto"));
}

/** `--limit`: a list of any length, from the newest on. */
export function addLimit(command: Command): Command {
  return command.option("--limit <n>", "the newest so many tasks, or all, instead of a page", limitOf);
}

/** How a list of tasks is shown to people. */
export function addLook(command: Command): Command {
  return command
    .option("--columns <names>", "user, task, status, updated, created, error, result, text, or any field", columnsOf)
    .option("--no-headers", "no line of heads")
    .addOption(
      new Option("--time <style>", "times as written, with an offset, or as ages").choices(TIME_STYLES).default("raw"),
    )
    .option("--no-pager", "never page a long table (also TTSCTL_PAGER=cat)");
}

/** `--watch`: the command again and again, drawn in place (`live.ts`). */
export function addWatch(command: Command): Command {
  const watch = new Option(
    "--watch [seconds]",
    "again and again, drawn in place, every so often; Ctrl-C ends it (default: 2)",
  );
  return command.addOption(watch.preset("2").argParser(watchSeconds));
}

/** The flags of commands that remove things. */
export function addDestructive(command: Command, brake: string): Command {
  return command
    .option("--dry-run", "print the plan and change nothing", false)
    .option("--max-delete <n|p%>", `refuse to remove more than this (default: ${brake})`, maxDelete)
    .option("--allow-empty", "a store file that is missing or has no tasks is meant", false);
}

/** The flag that gives a setting. */
export function settingOption(name: SettingName): Option {
  return new Option(...rowOf(name).flag!);
}
