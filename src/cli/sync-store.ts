import type { SyncOptions, SyncOutcome, SyncParts, SyncResult } from "../operations/sync.ts";
import { counted } from "../task/amounts.ts";
import type { Context } from "./context.ts";
import { openMirror } from "./mirror.ts";
import { holdRunLock } from "./run-lock.ts";

/**
 * Pushes the store file to Redis, with what that needs opened for it and the run lock held until the context is released.
 * @throws TtsctlError as `sync`, LOCK_TIMEOUT
 */
export async function syncStore(
  context: Context,
  { ledger, confirm }: Pick<SyncParts, "ledger" | "confirm">,
  options: SyncOptions,
): Promise<SyncOutcome> {
  const { sync } = await import("../operations/sync.ts");
  const file = await context.changingFileStore();
  const mirror = await openMirror(context);
  await holdRunLock(context, file, options.dryRun);
  const { clock, reporter, signal } = context;
  return sync({ file, mirror, clock, reporter, signal, ledger, confirm }, options);
}

/** What to do about tasks that only Redis has: beside a file without tasks they are more likely lost than too many. */
function adviceFor({ orphans, total }: SyncResult, userId: string | undefined): string {
  const only = `${counted(orphans, "task")} only in Redis`;
  if (total > 0 || userId !== undefined) return `${only}; ttsctl sync --prune removes them`;
  return `${only}, none in the file: if it was lost, ttsctl verify --repair --restore fills it again (docs/runbook.md)`;
}

/** For people. */
export function describeSync(result: SyncResult, userId: string | undefined): string {
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
