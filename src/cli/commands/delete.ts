import type { Command } from "commander";
import type { TtsctlError } from "../../errors.ts";
import type { MaxDelete } from "../../operations/brake.ts";
import type { DeleteResult } from "../../operations/delete.ts";
import { throwIfInterrupted } from "../../operations/pool.ts";
import type { Selection } from "../../operations/select.ts";
import { notFound } from "../../render/not-found.ts";
import { formatBytes } from "../../task/bytes.ts";
import { counted } from "../../task/counted.ts";
import type { Attach } from "../attach.ts";
import { audited } from "../audited.ts";
import { requireSelection, selectionOf } from "../choose.ts";
import { planConfirmation } from "../confirm.ts";
import type { Context } from "../context.ts";
import { DONE, emitObject, PARTLY } from "../emit.ts";
import type { SelectionFlags } from "../flags.ts";
import type { LedgerRun } from "../ledger.ts";
import { openPurge } from "../purging.ts";
import { addDestructive, addSelection } from "../selection.ts";

interface DeleteFlags extends SelectionFlags {
  readonly all: boolean;
  readonly force: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly backup?: string;
  readonly maxDelete?: MaxDelete;
  readonly allowEmpty: boolean;
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
  const selection = await selectionOf(context, flags);
  await context.requireConfig(true);
  return audited(context, !flags.dryRun, (ledger) => deleteChosen(context, flags, selection, ledger));
}

async function deleteChosen(
  context: Context,
  flags: DeleteFlags,
  selection: Selection,
  ledger: LedgerRun | null,
): Promise<number> {
  const { deleteTasks } = await import("../../operations/delete.ts");
  const ask = (count: number) => `Delete ${counted(count, "task")} with audio and logs?`;
  const parts = { ...(await openPurge(context, flags, ledger)), confirm: planConfirmation(context, flags.yes, ask) };
  const { dryRun, force, allowEmpty } = flags;
  const retention = (await context.settings()).cleanup.retention.value;
  const options = { dryRun, force, allowEmpty, retention, maxDelete: flags.maxDelete ?? null };
  const { result, problem } = await deleteTasks(parts, selection, options);
  ledger?.count(result);
  await parts.drain();
  await emitObject(context, result, () => describeDelete(result));
  return exitCodeOf(context, result, problem);
}

function exitCodeOf(context: Context, result: DeleteResult, problem: TtsctlError | null): number {
  throwIfInterrupted(context.signal, `${result.deleted} tasks were deleted`);
  if (problem !== null) context.reporter.warn(`${problem.message}: ${withoutRedis(result)}`);
  const partly = result.missing.length + result.refused.length + result.failed + result.returned > 0;
  return partly || problem !== null ? PARTLY : DONE;
}

function withoutRedis({ dryRun }: DeleteResult): string {
  if (dryRun) return "the plan is of the store file alone; a run like this would leave what Redis holds of the tasks";
  return "what Redis holds of the tasks stays; run the command again when it is back";
}

function describeDelete(result: DeleteResult): string {
  const done = result.dryRun ? "would be deleted" : "deleted";
  const freed = `${counted(result.files, "file")}, ${formatBytes(result.bytes)}`;
  const lines = [`${result.deleted} of ${result.requested} chosen tasks ${done}: ${freed}`];
  if (result.missing.length > 0) lines.push(notFound(result.missing));
  if (result.refused.length > 0) lines.push(`${result.refused.length} refused (named above)`);
  if (result.failed > 0) lines.push(`${result.failed} failed (named above)`);
  if (result.returned > 0)
    lines.push(`${result.returned} came back: the service holds the store in memory; delete while it is stopped`);
  return `${lines.join("\n")}\n`;
}
