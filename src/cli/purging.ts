import { resolve } from "node:path";
import type { Ledger } from "../operations/ledger.ts";
import type { Context } from "./context.ts";

/** The flags of `cleanup` and `delete` that decide on what is opened for them. */
interface PurgeFlags {
  readonly dryRun: boolean;
  readonly backup?: string;
  readonly metricsFile?: string;
}

export async function openBackupOf(context: Context, { backup: path, dryRun, metricsFile }: PurgeFlags) {
  if (path === undefined || dryRun) return null;
  const { BackupFile } = await import("../operations/purge/backup.ts");
  const used = await context.filesInUse(metricsFile);
  const backup = await BackupFile.open(resolve(context.cwd, path), used);
  context.onRelease(() => backup.close());
  return backup;
}

/** What a purge of tasks needs, all opened, with the run lock held unless it is a dry run. */
export async function openPurge(context: Context, flags: PurgeFlags, ledger: Ledger | null) {
  return { ...(await context.purgeParts(ledger, flags.dryRun)), backup: await openBackupOf(context, flags) };
}
