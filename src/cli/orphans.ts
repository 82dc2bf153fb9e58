import { TtsctlError, throwIfInterrupted } from "../errors.ts";
import type { OrphanResult } from "../operations/orphans/orphans.ts";
import { counted, formatBytes } from "../task/amounts.ts";
import { audited } from "./audited.ts";
import type { CleanupFlags } from "./cleanup-pass.ts";
import type { Context } from "./context.ts";
import { DONE, emitObject, PARTLY } from "./emit.ts";
import type { LedgerRun } from "./ledger.ts";
import { openMirror } from "./mirror.ts";
import { openArtifactsOf } from "./purging.ts";
import { holdRunLock } from "./run-lock.ts";

/** `cleanup --orphans`: lists artifacts without a record; with `--yes` removes them. */
export async function runOrphans(context: Context, flags: CleanupFlags): Promise<number> {
  const dryRun = flags.dryRun || !flags.yes;
  return audited(context, !dryRun, (ledger) => orphans(context, flags, dryRun, ledger));
}

async function orphans(
  context: Context,
  flags: CleanupFlags,
  dryRun: boolean,
  ledger: LedgerRun | null,
): Promise<number> {
  const { cleanUpOrphans } = await import("../operations/orphans/orphans.ts");
  const { retention } = (await context.settings()).cleanup;
  if (retention.value <= 0) {
    throw new TtsctlError("USAGE", `cleanup is switched off: retention is ${retention.value} (${retention.origin})`, {
      hint: "--retention 7d says how old an artifact without a record must be",
    });
  }
  const file = await context.changingFileStore();
  await holdRunLock(context, file, dryRun);
  const parts = {
    ...{ file, clock: context.clock, reporter: context.reporter, signal: context.signal, ledger },
    mirror: await openMirror(context),
    artifacts: await openArtifactsOf(context, true),
  };
  const options = { retention: retention.value, dryRun, maxDelete: flags.maxDelete ?? { percent: 50 } };
  const result = await cleanUpOrphans(parts, options);
  ledger?.count(result);
  await emitObject(context, result, () => describe(result));
  throwIfInterrupted(context.signal, `${result.removed} artifacts were removed`);
  return result.failed > 0 ? PARTLY : DONE;
}

function describe(result: OrphanResult): string {
  const { found, folders, logs, young, unknown, removed, skipped, failed, dryRun } = result;
  const size = `${counted(result.files, "file")}, ${formatBytes(result.bytes)}`;
  const lines = [
    `of ${counted(found, "artifact")}, old enough and without a record: ${counted(folders, "folder")}, ${counted(logs, "log")}`,
  ];
  if (young > 0) lines.push(`without a record, but changed within the retention: ${young}`);
  if (unknown > 0) lines.push(`left alone, for it is no folder of a task: ${unknown} (named above)`);
  if (!dryRun) lines.push(`${removed} removed (${size}), ${skipped} skipped, ${failed} failed`);
  else if (folders + logs > 0) lines.push(`nothing was removed; ttsctl cleanup --orphans --yes removes them (${size})`);
  return `${lines.join("\n")}\n`;
}
