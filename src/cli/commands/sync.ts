import type { Command } from "commander";
import type { MaxDelete } from "../../operations/brake.ts";
import type { SyncOutcome } from "../../operations/sync.ts";
import { counted } from "../../task/amounts.ts";
import type { Attach } from "../attach.ts";
import { audited } from "../audited.ts";
import { confirmation } from "../confirm.ts";
import type { Context } from "../context.ts";
import { DONE, emitObject, PARTLY } from "../emit.ts";
import { keepHeapSmall } from "../heap.ts";
import type { LedgerRun } from "../ledger.ts";
import { letOthersGoFirst } from "../priority.ts";
import { addDestructive, userOf } from "../selection.ts";
import { describeSync, syncStore } from "../sync-store.ts";

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
  const userId = await userOf(context, flags);
  if (flags.prune) await context.requireConfig(false);
  return audited(context, flags.prune && !flags.dryRun, (ledger) => syncAsAsked(context, flags, userId, ledger));
}

async function syncAsAsked(
  context: Context,
  flags: SyncFlags,
  userId: string | undefined,
  ledger: LedgerRun | null,
): Promise<number> {
  letOthersGoFirst();
  keepHeapSmall();
  const ask = (count: number) => `Remove ${counted(count, "task")} that only Redis has?`;
  const asking = { ledger, confirm: confirmation(context, flags.yes, ask) };
  const outcome = await syncStore(context, asking, {
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
