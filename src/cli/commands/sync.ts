import { finished } from "../../app/ended.ts";
import { audited } from "../../app/ledger.ts";
import { syncStore } from "../../app/syncing.ts";
import type { SyncResult } from "../../operations/sync.ts";
import { shellWord } from "../../printable.ts";
import { textOf } from "../../render/item-lines.ts";
import { counted } from "../../task/amounts.ts";
import type { CommandSpec } from "../context.ts";
import { addPruning, refuseFlags, tellNobody, userOf } from "../selection.ts";

export const spec: CommandSpec = {
  about: "push the store file to Redis; nothing newer in Redis is overwritten, and nothing is deleted without --prune",
  declare(command) {
    command
      .option("--checksum", "compare whole records; if they differ at equal times, write the file's", false)
      .option("--prune", "also delete Redis-only tasks", false);
    addPruning(command);
  },
  async run(context, flags) {
    const userId = await userOf(context, flags);
    if (!flags.prune) refuseFlags(flags, ["--max-delete"], "without --prune");
    if (flags.prune) await context.requireConfig(false);
    const confirm = context.confirmation(flags.yes, (count) => `Delete ${counted(count, "Redis-only task")}?`);
    const options = { ...flags, ...(userId === undefined ? {} : { userId }) };
    const ended = await audited(context, flags.prune && !flags.dryRun, async (ledger) => {
      const { failedToPrune, ...result } = await syncStore(context, { ledger, confirm }, options);
      return finished(result, result.failed + failedToPrune > 0);
    });
    await tellNobody(context, userId, ended.result.total + ended.result.orphans);
    return context.conclude(ended, () => describeSync(ended.result, userId, flags.prune));
  },
  examples: `
Examples:
  ttsctl sync                          after an outage of Redis
  ttsctl sync --dry-run -o json        what would be written
  ttsctl sync --prune --max-delete 10%  refuse above a tenth`,
};

/** Advice for Redis-only tasks. If the file is empty, it has probably lost them. */
function adviceFor({ orphans, total }: SyncResult, userId: string | undefined): string {
  const only = counted(orphans, "Redis-only task");
  const scope = userId === undefined ? "" : ` --user ${shellWord(userId)}`;
  if (total > 0 || userId !== undefined) {
    return `${only}; ttsctl sync${scope} --prune deletes them, ttsctl verify${scope} --repair --restore copies them to the file`;
  }
  return `${only}, none in the file: if the file was lost, ttsctl verify --repair --restore restores it (docs/runbook.md)`;
}

export function describeSync(result: SyncResult, userId: string | undefined, prune = false): string {
  const { total, written, unchanged, newerInRedis, failed, invalid, pruned, dryRun } = result;
  const would = dryRun ? "would be " : "";
  const counts = `${written} ${would}written, ${unchanged} unchanged, ${newerInRedis} newer in Redis, ${failed} failed`;
  return textOf(
    `${counted(total, "task")} from the file to Redis: ${counts}`,
    invalid > 0 && `${counted(invalid, "invalid record")} left alone`,
    pruned > 0 && `${counted(pruned, "Redis-only task")} ${would}deleted`,
    !prune && result.orphans > 0 && adviceFor(result, userId),
  );
}
