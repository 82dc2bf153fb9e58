import type { Command } from "commander";
import { TtsctlError } from "../../errors.ts";
import type { MaxDelete } from "../../operations/brake.ts";
import type { DeleteResult } from "../../operations/delete.ts";
import type { Selection } from "../../operations/select.ts";
import { formatBytes } from "../../task/bytes.ts";
import type { Attach } from "../attach.ts";
import { audited } from "../audited.ts";
import { planConfirmation } from "../confirm.ts";
import type { Context } from "../context.ts";
import { DONE, emitObject, PARTLY } from "../emit.ts";
import { FLAG_NAMES, rawQueryOf, type SelectionFlags } from "../flags.ts";
import type { LedgerRun } from "../ledger.ts";
import { openArtifactsOf, openBackupOf, purgeLines } from "../purging.ts";
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
  const raw = rawQueryOf(flags);
  refuseEmptySelection(flags);
  const { buildFilter, checkIds } = await import("../../operations/list-query.ts");
  const checking = { names: FLAG_NAMES, times: await context.times(), now: context.clock.now() };
  const selection = { ids: checkIds(raw, checking), filter: buildFilter(raw, checking) };
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
  const file = await context.changingFileStore();
  if (!flags.dryRun) {
    const lock = await file.lock("run");
    context.onRelease(() => lock.release());
  }
  const lines = await purgeLines(context, flags.dryRun);
  const parts = {
    ...{ file, clock: context.clock, reporter: context.reporter, signal: context.signal, ...lines },
    mirror: await (await context.mirrorLink()).open(),
    artifacts: await openArtifactsOf(context),
    backup: await openBackupOf(context, flags.backup, flags.dryRun),
    ledger,
    confirm: planConfirmation(
      context,
      flags.yes,
      (count) => `Delete ${count} task${count === 1 ? "" : "s"} with audio and logs?`,
    ),
  };
  const { dryRun, force, allowEmpty } = flags;
  const retention = (await context.settings()).cleanup.retention.value;
  const options = { dryRun, force, allowEmpty, retention, maxDelete: flags.maxDelete ?? null };
  const { result, problem } = await deleteTasks(parts, selection, options);
  ledger?.count(result);
  await lines.drain();
  await emitObject(context, result, () => describeDelete(result));
  return exitCodeOf(context, result, problem);
}

function refuseEmptySelection({ user, ids, status, since, until, all }: DeleteFlags): void {
  const chosen = [user, ids, status, since, until].some((flag) => flag !== undefined);
  if (chosen === all) {
    const what = all ? "--all and a selection exclude each other" : "no tasks chosen";
    throw new TtsctlError("USAGE", what, {
      hint: "choose with --user, --ids, --status, --since, --until, or say --all",
    });
  }
}

function exitCodeOf(context: Context, result: DeleteResult, problem: TtsctlError | null): number {
  if (context.signal.aborted) {
    throw new TtsctlError("INTERRUPTED", `interrupted: ${result.deleted} tasks were deleted`, {
      hint: "run it again to finish",
    });
  }
  if (problem !== null)
    context.reporter.warn(
      `${problem.message}: what Redis holds of the tasks stays; run the command again when it is back`,
    );
  const partly = result.missing.length + result.refused.length + result.failed + result.returned > 0;
  return partly || problem !== null ? PARTLY : DONE;
}

function describeDelete(result: DeleteResult): string {
  const done = result.dryRun ? "would be deleted" : "deleted";
  const freed = `${result.files} file${result.files === 1 ? "" : "s"}, ${formatBytes(result.bytes)}`;
  const lines = [`${result.deleted} of ${result.requested} chosen tasks ${done}: ${freed}`];
  if (result.missing.length > 0) lines.push(`not found: ${result.missing.map((id) => JSON.stringify(id)).join(", ")}`);
  if (result.refused.length > 0) lines.push(`${result.refused.length} refused (named above)`);
  if (result.failed > 0) lines.push(`${result.failed} failed (named above)`);
  if (result.returned > 0)
    lines.push(`${result.returned} came back: the service holds the store in memory; delete while it is stopped`);
  return `${lines.join("\n")}\n`;
}
