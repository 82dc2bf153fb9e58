import { deleteChosen } from "../../app/change.ts";
import type { DeleteResult } from "../../operations/delete.ts";
import { textOf, unchangedLines } from "../../render/item-lines.ts";
import { counted, formatBytes } from "../../task/amounts.ts";
import { soleUser } from "../../task/query-fields.ts";
import type { CommandSpec } from "../context.ts";
import { addDestructive, addSelection, selectionOf, tellNobody } from "../selection.ts";

export const spec: CommandSpec = {
  about: "delete chosen tasks from both stores, with audio and logs",
  declare(command) {
    command
      .optionsGroup("Selection:")
      .option("--all", "choose every task", false)
      .optionsGroup("Safety:")
      .option("--force", "also delete tasks that are wait or run", false);
    addDestructive(addSelection(command), "no limit", "do not ask", "deleted");
  },
  async run(context, flags) {
    const hint = "choose with --user, --ids, --status, --since, --until, --stuck, or use --all";
    const selection = await selectionOf(context, flags, hint);
    await context.requireConfig(true);
    const question = (count: number) => `Delete ${counted(count, "task")} with audio and logs?`;
    const confirm = context.confirmation(flags.yes, question);
    const options = { ...flags, maxDelete: flags.maxDelete ?? null };
    const openBackup = () => context.openBackup(flags);
    const ended = await deleteChosen(context, options, { selection, confirm, openBackup });
    await tellNobody(context, soleUser(selection.filter), ended.result.requested);
    return context.conclude(ended, () => describeDelete(ended.result));
  },
  examples: `
Examples:
  ttsctl delete --user alice --ids t01,t02
  ttsctl delete --status error --until 7d --dry-run
  ttsctl list -s error --limit all -o ids | ttsctl delete --ids - --yes
  ttsctl delete --user alice --yes --max-delete 100 --backup alice.jsonl`,
};

export function describeDelete(result: DeleteResult): string {
  const { deleted, requested, dryRun, files, bytes, returned } = result;
  const done = dryRun ? "would be deleted" : "deleted";
  return textOf(
    `${deleted - returned} of ${counted(requested, "chosen task")} ${done}: ${counted(files, "file")}, ${formatBytes(bytes)}`,
    ...unchangedLines(result, "; delete them while it is stopped"),
    result.refused.some(({ unfinished }) => unfinished) && "--force deletes unfinished tasks too",
  );
}
