import { resolve } from "node:path";
import type { Artifacts } from "../artifacts/artifacts.ts";
import type { BackupFile } from "../operations/purge/backup.ts";
import type { PurgedTask } from "../operations/purge/tally.ts";
import type { Context } from "./context.ts";

/** What `cleanup` and `delete` have in common: opened here, released with the context. */
export async function openArtifactsOf(context: Context): Promise<Artifacts> {
  const { openArtifacts } = await import("../artifacts/artifacts.ts");
  const { paths } = await context.settings();
  const artifacts = await openArtifacts({ output: paths.output.value, logs: paths.logs.value });
  context.onRelease(() => artifacts.close());
  return artifacts;
}

export async function openBackupOf(
  context: Context,
  path: string | undefined,
  dryRun: boolean,
): Promise<BackupFile | null> {
  if (path === undefined || dryRun) return null;
  const { BackupFile } = await import("../operations/purge/backup.ts");
  const { store, audit } = await context.settings();
  const notThese = [store.path.value, ...(audit.path.value === null ? [] : [audit.path.value])];
  const backup = await BackupFile.open(resolve(context.cwd, path), notThese);
  context.onRelease(() => backup.close());
  return backup;
}

/** Prints a `[CLEANUP]` line for each purged task: on stdout, with any other format on stderr, there as events in a JSON log. */
export async function purgeLines(context: Context, dryRun: boolean) {
  const { cleanupEvent, cleanupLine } = await import("../render/cleanup-line.ts");
  const { out, err } = context.terminal;
  const isText = context.flags.output === "table" || context.flags.output === "wide";
  const lineOf = (task: PurgedTask) => `${cleanupLine(task, dryRun)}\n`;
  let tasks: PurgedTask[] = [];
  return {
    onPurged: (task: PurgedTask) => {
      tasks.push(task);
    },
    drain: () => {
      const purged = tasks;
      tasks = [];
      if (!isText && err.isJson) return err.sayAll(purged.map((task) => cleanupEvent(task, dryRun)));
      return (isText ? out : err).writeAll(purged.map(lineOf));
    },
  };
}
