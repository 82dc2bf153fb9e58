import { checkNewStatus, markChosen } from "../../app/change.ts";
import type { MarkResult } from "../../operations/mark/mark.ts";
import { textOf, unchangedLines } from "../../render/item-lines.ts";
import { counted } from "../../task/amounts.ts";
import { soleUser } from "../../task/query-fields.ts";
import type { CommandSpec } from "../context.ts";
import { addDestructive, addSelection, selectionOf, tellNobody } from "../selection.ts";

export const spec: CommandSpec = {
  about: "set the status of chosen tasks, such as those stuck in run after a crash, in both stores",
  declare(command) {
    const byDefault = "by default, it is kept if the new status is error and cleared otherwise";
    command
      .option("--to <status>", "the new status: wait, run, done, error, or the service's own word")
      .option("--error <text>", `the error text; ${byDefault}`);
    addSelection(command).option("--all", "choose every task", false);
    addDestructive(command, "no limit", "do not ask", "marked");
  },
  async run(context, flags) {
    const status = checkNewStatus(flags.to);
    const hint = "choose with --user, --ids, --status, --since, --until, --stuck, or --all; --to is the new status";
    const selection = await selectionOf(context, flags, hint);
    await context.requireConfig(false);
    const question = (count: number) => `Mark ${counted(count, "task")} as ${status.shown}?`;
    const confirm = context.confirmation(flags.yes, question, "marked");
    const { dryRun, allowEmpty, error, maxMark = null, backup } = flags;
    const request = { ...status, dryRun, allowEmpty, error, maxMark, isBackedUp: backup !== undefined };
    const ended = await markChosen(context, request, {
      selection,
      confirm,
      openBackup: () => context.openBackup(flags),
    });
    await tellNobody(context, soleUser(selection.filter), ended.result.requested);
    return context.conclude(ended, () => describeMark(ended.result, status.shown));
  },
  examples: `
--to is the new status. A task is kept as it is if the service changes it during
the run, or if its copy in Redis is newer.
Examples:
  ttsctl mark --user bob --ids t07 --to error --error "the worker died"
  ttsctl mark --stuck --to error --error "the worker died" --dry-run
  ttsctl mark --user alice --status error --to queued --backup before.jsonl`,
};

export function describeMark(result: MarkResult, shown: string): string {
  const { marked, requested, dryRun, unchanged } = result;
  return textOf(
    `${marked} of ${counted(requested, "chosen task")} ${dryRun ? "would be marked" : "marked"} as ${shown}`,
    unchanged > 0 && `${unchanged} had that status already`,
    ...unchangedLines(result),
  );
}
