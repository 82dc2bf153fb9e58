import type { Command } from "commander";
import type { MaxDelete } from "../../operations/brake.ts";
import type { SyncOutcome, SyncResult } from "../../operations/sync.ts";
import { counted } from "../../task/counted.ts";
import type { Attach } from "../attach.ts";
import { audited } from "../audited.ts";
import { userOf } from "../choose.ts";
import { confirmation } from "../confirm.ts";
import type { Context } from "../context.ts";
import { DONE, emitObject, PARTLY } from "../emit.ts";
import type { LedgerRun } from "../ledger.ts";
import { holdRunLock } from "../run-lock.ts";
import { addDestructive } from "../selection.ts";

interface SyncFlags {
  readonly user?: string;
  readonly dryRun: boolean;
  readonly prune: boolean;
  readonly checksum: boolean;
  readonly maxDelete?: MaxDelete;
  readonly allowEmpty: boolean;
  readonly yes: boolean;
}

export function declareSync(program: Command, attach: Attach): void {
  const command = program
    .command("sync")
    .description(
      "push the store file to Redis; nothing newer in Redis is overwritten, and nothing is deleted without --prune",
    )
    .option("-u, --user <id>", "only the tasks of this user")
    .option("--checksum", "compare whole records; at an equal time the file's is written", false)
    .option("--prune", "also remove from Redis the tasks that only Redis has", false)
    .option("-y, --yes", "do not ask before --prune", false)
    .addHelpText("after", EXAMPLES);
  addDestructive(command, "50% of the tasks in Redis, with --prune");
  attach<SyncFlags>(command, runSync);
}

const EXAMPLES = `
Examples:
  ttsctl sync                          after an outage of Redis
  ttsctl sync --dry-run -o json        what would be written
  ttsctl sync --prune --max-delete 10%  also remove what only Redis has, if it is no more than a tenth`;

async function runSync(context: Context, flags: SyncFlags): Promise<number> {
  const userId = await userOf(flags);
  if (flags.prune) await context.requireConfig(false);
  return audited(context, flags.prune && !flags.dryRun, (ledger) => syncStore(context, flags, userId, ledger));
}

async function syncStore(
  context: Context,
  flags: SyncFlags,
  userId: string | undefined,
  ledger: LedgerRun | null,
): Promise<number> {
  const { sync } = await import("../../operations/sync.ts");
  const { openMirror } = await import("../mirror.ts");
  const file = await context.changingFileStore();
  const mirror = await openMirror(context);
  await holdRunLock(context, file, flags.dryRun);
  const parts = {
    ...{ file, mirror, clock: context.clock, reporter: context.reporter, signal: context.signal, ledger },
    confirm: confirmation(context, flags.yes, (count) => `Remove ${counted(count, "task")} that only Redis has?`),
  };
  const outcome = await sync(parts, {
    ...(userId === undefined ? {} : { userId }),
    ...{ dryRun: flags.dryRun, checksum: flags.checksum, prune: flags.prune, allowEmpty: flags.allowEmpty },
    maxDelete: flags.maxDelete ?? { percent: 50 },
  });
  ledger?.count(outcome);
  await emitSync(context, outcome, userId);
  return outcome.failed + outcome.failedToPrune > 0 ? PARTLY : DONE;
}

async function emitSync(
  context: Context,
  { failedToPrune: _, ...result }: SyncOutcome,
  userId: string | undefined,
): Promise<void> {
  await emitObject(context, result, () => describeSync(result, userId));
}

/** What to do about tasks that only Redis has: beside a file without tasks they are more likely lost than too many. */
function adviceFor({ orphans, total }: SyncResult, userId: string | undefined): string {
  const only = `${counted(orphans, "task")} only in Redis`;
  if (total > 0 || userId !== undefined) return `${only}; ttsctl sync --prune removes them`;
  return `${only}, none in the file: if it was lost, ttsctl verify --repair --restore fills it again (docs/runbook.md)`;
}

function describeSync(result: SyncResult, userId: string | undefined): string {
  const would = result.dryRun ? " (dry run: nothing was changed)" : "";
  const counts = [
    `${result.written} written`,
    `${result.unchanged} unchanged`,
    `${result.newerInRedis} newer in Redis`,
    `${result.failed} failed`,
  ];
  const lines = [`${counted(result.total, "task")} from the file to Redis: ${counts.join(", ")}${would}`];
  if (result.invalid > 0) lines.push(`${counted(result.invalid, "invalid record")} left alone`);
  if (result.pruned > 0)
    lines.push(`${counted(result.pruned, "task")} that only Redis had ${result.dryRun ? "would be " : ""}removed`);
  else if (result.orphans > 0) lines.push(adviceFor(result, userId));
  return `${lines.join("\n")}\n`;
}
