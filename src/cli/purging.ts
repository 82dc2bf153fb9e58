import { resolve } from "node:path";
import type { Artifacts } from "../artifacts/artifacts.ts";
import type { Ledger } from "../operations/ledger.ts";
import type { BackupFile } from "../operations/purge/backup.ts";
import type { PurgedTask } from "../operations/purge/tally.ts";
import type { Context } from "./context.ts";
import { itemOutput } from "./emit.ts";
import { holdRunLock } from "./run-lock.ts";

/** The flags of `cleanup` and `delete` that decide on what is opened for them. */
interface PurgeFlags {
  readonly dryRun: boolean;
  readonly backup?: string;
}

/** `output/` and `Logs/`, released with the context. */
export async function openArtifactsOf(context: Context): Promise<Artifacts> {
  const { openArtifacts } = await import("../artifacts/artifacts.ts");
  const { paths } = await context.settings();
  const { nameOf } = await context.rules();
  const artifacts = await openArtifacts({ output: paths.output.value, logs: paths.logs.value, nameOf });
  context.onRelease(() => artifacts.close());
  return artifacts;
}

async function openBackupOf(context: Context, path: string | undefined, dryRun: boolean): Promise<BackupFile | null> {
  if (path === undefined || dryRun) return null;
  const { BackupFile } = await import("../operations/purge/backup.ts");
  const { store, audit } = await context.settings();
  const notThese = [store.path.value, ...(audit.path.value === null ? [] : [audit.path.value])];
  const backup = await BackupFile.open(resolve(context.cwd, path), notThese);
  context.onRelease(() => backup.close());
  return backup;
}

/** What a purge of tasks needs, all opened, with the run lock held unless it is a dry run. */
export async function openPurge(context: Context, { dryRun, backup }: PurgeFlags, ledger: Ledger | null) {
  const file = await context.changingFileStore();
  await holdRunLock(context, file, dryRun);
  const mirror = await (await context.mirrorLink()).open();
  return {
    ...{ file, clock: context.clock, reporter: context.reporter, signal: context.signal, ledger },
    ...(await purgedOutput(context, dryRun)),
    mirror,
    artifacts: await openArtifactsOf(context),
    backup: await openBackupOf(context, backup, dryRun),
  };
}

/** A `[CLEANUP]` line for each purged task. */
async function purgedOutput(context: Context, dryRun: boolean) {
  const { cleanupEvent, cleanupLine } = await import("../render/cleanup-line.ts");
  const { add, drain } = itemOutput<PurgedTask>(context, {
    line: (task) => cleanupLine(task, dryRun),
    event: (task) => cleanupEvent(task, dryRun),
  });
  return { onPurged: add, drain };
}
