import { resolve } from "node:path";
import type { Artifacts } from "../artifacts/artifacts.ts";
import type { Ledger } from "../operations/ledger.ts";
import type { PurgedTask } from "../operations/purge/tally.ts";
import type { Context } from "./context.ts";
import { itemOutput } from "./emit.ts";
import { filesInUse } from "./files-in-use.ts";
import { holdRunLock } from "./run-lock.ts";

/** The flags of `cleanup` and `delete` that decide on what is opened for them. */
interface PurgeFlags {
  readonly dryRun: boolean;
  readonly backup?: string;
  readonly metricsFile?: string;
}

/**
 * `output/` and `Logs/`, released with the context.
 * @param removes whether artifacts may be removed: then neither may hold config.ini or the store file
 */
export async function openArtifactsOf(context: Context, removes = false): Promise<Artifacts> {
  const { openArtifacts } = await import("../artifacts/artifacts.ts");
  const { paths, store, configPath } = await context.settings();
  const names = await context.rules();
  const apart = removes ? [store.path.value, configPath].filter((path) => path !== null) : [];
  const artifacts = await openArtifacts({ output: paths.output.value, logs: paths.logs.value, names, apart });
  context.onRelease(() => artifacts.close());
  return artifacts;
}

async function openBackupOf(context: Context, { backup: path, dryRun, metricsFile }: PurgeFlags) {
  if (path === undefined || dryRun) return null;
  const { BackupFile } = await import("../operations/purge/backup.ts");
  const used = await filesInUse(context, metricsFile);
  const backup = await BackupFile.open(resolve(context.cwd, path), used);
  context.onRelease(() => backup.close());
  return backup;
}

/** What a purge of tasks needs, all opened, with the run lock held unless it is a dry run. */
export async function openPurge(context: Context, flags: PurgeFlags, ledger: Ledger | null) {
  const { dryRun } = flags;
  const file = await context.changingFileStore();
  await holdRunLock(context, file, dryRun);
  const mirror = await (await context.mirrorLink()).open();
  return {
    ...{ file, clock: context.clock, reporter: context.reporter, signal: context.signal, ledger },
    ...(await purgedOutput(context, dryRun)),
    mirror,
    artifacts: await openArtifactsOf(context, true),
    backup: await openBackupOf(context, flags),
  };
}

/** A `[CLEANUP]` line for each purged task. */
async function purgedOutput(context: Context, dryRun: boolean) {
  const { cleanupEvent, cleanupLine } = await import("../render/item-lines.ts");
  const { add, drain } = itemOutput<PurgedTask>(context, {
    line: (task) => cleanupLine(task, dryRun),
    event: (task) => cleanupEvent(task, dryRun),
  });
  return { onPurged: add, drain };
}
