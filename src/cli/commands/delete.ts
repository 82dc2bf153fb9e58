import type { Command } from "commander";
import { isRedisError, type TtsctlError, throwIfInterrupted } from "../../errors.ts";
import type { DeleteParts, DeleteResult } from "../../operations/delete.ts";
import type { Selection } from "../../operations/select.ts";
import { audited, type LedgerRun } from "../../parts/ledger.ts";
import { counted, formatBytes } from "../../task/amounts.ts";
import { MAY_BE_WORKED_ON } from "../../task/status.ts";
import { confirmation } from "../confirm.ts";
import type { Attach, Context } from "../context.ts";
import { DONE, emitObject, PARTLY, textOf, unchangedLines } from "../emit.ts";
import {
  addDestructive,
  addSelection,
  type ChangeFlags,
  choosesTasks,
  requireSelection,
  type SelectionFlags,
  selectionOf,
} from "../selection.ts";

interface DeletionFlags extends ChangeFlags {
  readonly force: boolean;
  readonly backup?: string;
}

export function declare(program: Command, attach: Attach): void {
  const command = program
    .command("delete")
    .alias("rm")
    .description("delete chosen tasks from both stores, with audio and logs")
    .optionsGroup("Selection:")
    .option("--all", "choose every task", false)
    .optionsGroup("Safety:")
    .option("--force", "also delete tasks that are wait or run", false)
    .addHelpText("after", EXAMPLES);
  addDestructive(addSelection(command), "no limit", "do not ask", { backedUp: "deleted" });
  attach<SelectionFlags & DeletionFlags & { readonly all: boolean }>(command, async (context, flags) => {
    requireSelection(
      choosesTasks(flags),
      flags.all,
      "choose with --user, --ids, --status, --since, --until, --stuck, or use --all",
    );
    const selection = await selectionOf(context, flags);
    await context.requireConfig(true);
    const ask = (count: number) => `Delete ${counted(count, "task")} with audio and logs?`;
    const confirm = confirmation(context, flags.yes, ask);
    return audited(context, !flags.dryRun, async (ledger) => {
      const outcome = await deleteChosen(context, flags, { selection, ledger, confirm });
      await emitObject(context, outcome.result, () => describeDelete(outcome.result));
      return deletionExitCode(context, outcome);
    });
  });
}

const EXAMPLES = `
Examples:
  ttsctl delete --user alice --ids t01,t02
  ttsctl delete --status error --until 7d --dry-run
  ttsctl list -s error --limit all -o ids | ttsctl delete --ids - --yes
  ttsctl delete --user alice --yes --max-delete 100 --backup alice.jsonl`;

export function describeDelete(result: DeleteResult): string {
  const { deleted, requested, dryRun, files, bytes, returned } = result;
  const done = dryRun ? "would be deleted" : "deleted";
  return textOf(
    `${deleted} of ${counted(requested, "chosen task")} ${done}: ${counted(files, "file")}, ${formatBytes(bytes)}`,
    ...unchangedLines(result),
    result.refused.some(({ reason }) => reason.endsWith(MAY_BE_WORKED_ON)) && "--force deletes unfinished tasks too",
    returned > 0 &&
      `${returned} written back by the service, which holds the store in memory; delete them while it is stopped`,
  );
}

interface Deletion extends Pick<DeleteParts, "confirm"> {
  readonly selection: Selection;
  readonly ledger: LedgerRun | null;
}

interface DeletionOutcome {
  readonly result: DeleteResult;
  /** Why it stopped early, or why Redis was left out. */
  readonly problem: TtsctlError | null;
}

/**
 * Deletes chosen tasks. The run lock is held until the context is released.
 * @throws TtsctlError as `deleteTasks`, LOCK_TIMEOUT, ARTIFACTS_UNSAFE
 */
export async function deleteChosen(
  context: Context,
  flags: DeletionFlags,
  { selection, ledger, confirm }: Deletion,
): Promise<DeletionOutcome> {
  const { deleteTasks } = await import("../../operations/delete.ts");
  const { dryRun, force, allowEmpty, maxDelete = null } = flags;
  const parts = { ...(await context.purgeParts(ledger, dryRun)), backup: await context.openBackup(flags), confirm };
  const retention = (await context.settings()).cleanup.retention.value;
  const outcome = await deleteTasks(parts, selection, { dryRun, force, allowEmpty, retention, maxDelete });
  ledger?.count(outcome.result);
  return outcome;
}

/** Also warns if Redis was left out. @throws TtsctlError INTERRUPTED, and the error that stopped the deletion */
export function deletionExitCode(context: Context, { result, problem }: DeletionOutcome): number {
  throwIfInterrupted(context.signal, `${counted(result.deleted, "task")} deleted`);
  if (problem !== null && !isRedisError(problem)) throw problem;
  const what = result.dryRun
    ? "the plan covers only the store file; without Redis a real run would keep the copies there"
    : "copies may remain in Redis; run the command again when Redis is back";
  if (problem !== null) context.reporter.warn(`${problem.message}: ${what}`);
  const partly = result.missing.length + result.refused.length + result.failed + result.returned > 0;
  return partly || problem !== null ? PARTLY : DONE;
}
