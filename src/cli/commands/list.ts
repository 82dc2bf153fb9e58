import type { Command } from "commander";
import type { SourceChoice } from "../../store/read-first.ts";
import { FLAG_NAMES } from "../../task/query-fields.ts";
import type { Attach } from "../attach.ts";
import type { Context } from "../context.ts";
import { listTasks } from "../list-tasks.ts";
import {
  addLimit,
  addLook,
  addPaging,
  addSelection,
  addSource,
  addWatch,
  type LookFlags,
  rawQueryOf,
  type SelectionFlags,
} from "../selection.ts";

interface ListFlags extends SelectionFlags, LookFlags {
  readonly source: SourceChoice;
  /** Seconds between two looks. */
  readonly watch?: number;
}

export function declareList(program: Command, attach: Attach): void {
  const command = program
    .command("list")
    .alias("ls")
    .description("page through tasks, newest first: Redis answers, or the file behind it")
    .addHelpText("after", EXAMPLES);
  addWatch(addLook(addSource(addLimit(addPaging(addSelection(command))))));
  attach<ListFlags>(command, async (context, flags) => {
    const list = (once: Context) => listTasks(once, rawQueryOf(flags), flags, FLAG_NAMES);
    if (flags.watch === undefined) return list(context);
    const { live } = await import("../live.ts");
    return live(context, flags.watch, list);
  });
}

const EXAMPLES = `
Examples:
  ttsctl list                             the newest 20 tasks
  ttsctl list --user alice --ids t01,t02  two tasks of alice, in this order
  ttsctl list --status error --since 2h   failures of the last two hours
  ttsctl list --source file --page 2      the second page, from the file alone
  ttsctl list --limit all -o csv          everything, for a spreadsheet
  ttsctl list --columns user,task,text --time relative
  ttsctl list --status run --watch        what is being worked on, drawn in place`;
