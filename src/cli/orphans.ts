import { TtsctlError } from "../errors.ts";
import type { Orphan, OrphanResult } from "../operations/orphans/types.ts";
import { throwIfInterrupted } from "../operations/pool.ts";
import { audited } from "../parts/audited.ts";
import type { LedgerRun } from "../parts/ledger.ts";
import { formatBytes } from "../task/bytes.ts";
import { counted } from "../task/counted.ts";
import type { CleanupFlags } from "./cleanup-pass.ts";
import type { Context } from "./context.ts";
import { DONE, emitObject, itemOutput, PARTLY } from "./emit.ts";

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
  await context.holdRunLock(file, dryRun);
  const lines = await orphanOutput(context, dryRun);
  const parts = {
    ...{ file, clock: context.clock, reporter: context.reporter, signal: context.signal, ledger, ...lines },
    mirror: await context.mirror(),
    artifacts: await context.artifacts(true),
  };
  const options = { retention: retention.value, dryRun, maxDelete: flags.maxDelete ?? { percent: 50 } };
  const result = await cleanUpOrphans(parts, options).finally(() => lines.drain());
  ledger?.count(result);
  await emitObject(context, result, () => describe(result));
  throwIfInterrupted(context.signal, `${result.removed} artifacts were removed`);
  return result.failed > 0 ? PARTLY : DONE;
}

async function orphanOutput(context: Context, dryRun: boolean) {
  const { orphanEvent, orphanLine } = await import("../render/orphan-line.ts");
  const { add, drain } = itemOutput<Orphan>(context, {
    line: (orphan) => orphanLine(orphan, dryRun),
    event: (orphan) => orphanEvent(orphan, dryRun),
  });
  return { onOrphan: add, drain };
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
