import type { Command } from "commander";
import type { DeleteResult } from "../../operations/delete.ts";
import { namedAbove } from "../../operations/reporter.ts";
import { audited } from "../../parts/audited.ts";
import { notFound } from "../../render/not-found.ts";
import { formatBytes } from "../../task/bytes.ts";
import { counted } from "../../task/counted.ts";
import type { Attach } from "../attach.ts";
import { requireSelection, selectionByIds } from "../choose.ts";
import { planConfirmation } from "../confirm.ts";
import type { Context } from "../context.ts";
import { type DeletionFlags, deleteChosen, deletionExitCode } from "../delete-chosen.ts";
import { emitObject } from "../emit.ts";
import type { SelectionFlags } from "../flags.ts";
import { keepHeapSmall } from "../heap.ts";
import { addDestructive, addSelection } from "../selection.ts";

interface DeleteFlags extends SelectionFlags, DeletionFlags {
  readonly all: boolean;
  readonly yes: boolean;
}

export function declareDelete(program: Command, attach: Attach): void {
  const command = program
    .command("delete")
    .alias("rm")
    .description("delete chosen tasks from both stores, with audio and logs")
    .option("--all", "choose every task", false)
    .option("--force", "also tasks that are wait or run", false)
    .option("-y, --yes", "do not ask", false)
    .option("--backup <file>", "append every deleted record to this file first, as JSON Lines")
    .addHelpText("after", EXAMPLES);
  addDestructive(addSelection(command), "no limit");
  attach<DeleteFlags>(command, runDelete);
}

const EXAMPLES = `
Examples:
  ttsctl delete --user alice --ids t01,t02
  ttsctl delete --status error --until 7d --dry-run
  ttsctl delete --user alice --yes --max-delete 100 --backup alice.jsonl`;

async function runDelete(context: Context, flags: DeleteFlags): Promise<number> {
  requireSelection(flags, flags.all, "choose with --user, --ids, --status, --since, --until, or say --all");
  const selection = await selectionByIds(context, flags);
  await context.requireConfig(true);
  keepHeapSmall();
  const ask = (count: number) => `Delete ${counted(count, "task")} with audio and logs?`;
  const confirm = planConfirmation(context, flags.yes, ask);
  return audited(context, !flags.dryRun, async (ledger) => {
    const outcome = await deleteChosen(context, flags, { selection, ledger, confirm });
    await emitObject(context, outcome.result, () => describeDelete(outcome.result));
    return deletionExitCode(context, outcome);
  });
}

function describeDelete(result: DeleteResult): string {
  const done = result.dryRun ? "would be deleted" : "deleted";
  const freed = `${counted(result.files, "file")}, ${formatBytes(result.bytes)}`;
  const lines = [`${result.deleted} of ${result.requested} chosen tasks ${done}: ${freed}`];
  if (result.missing.length > 0) lines.push(notFound(result.missing));
  if (result.refused.length > 0) lines.push(`${result.refused.length} refused (${namedAbove(result.refused.length)})`);
  if (result.failed > 0) lines.push(`${result.failed} failed (${namedAbove(result.failed)})`);
  if (result.returned > 0)
    lines.push(`${result.returned} came back: the service holds the store in memory; delete while it is stopped`);
  return `${lines.join("\n")}\n`;
}
