import type { MaxDelete } from "../operations/brake.ts";
import type { CleanupOutcome, CleanupResult } from "../operations/cleanup.ts";
import type { Context } from "./context.ts";
import { formatBytes, openArtifactsOf, openBackupOf, purgeLines } from "./purging.ts";

export interface CleanupFlags {
  readonly once?: boolean;
  readonly watch?: boolean;
  readonly dryRun: boolean;
  readonly retention?: string;
  readonly backup?: string;
  readonly maxDelete?: MaxDelete;
  readonly allowEmpty: boolean;
}

/** One pass with what the flags and settings say; where cleanup is switched off, none. */
export async function cleanupPass(context: Context, flags: CleanupFlags): Promise<CleanupOutcome> {
  const { cleanupOnce, emptyResult } = await import("../operations/cleanup.ts");
  const { retention, stuckAfter } = (await context.settings()).cleanup;
  if (retention.value <= 0) {
    context.reporter.warn(`cleanup is switched off: retention is ${retention.value} (${retention.origin})`);
    return { result: emptyResult(context.clock.now() - retention.value, flags), problem: null };
  }
  const file = await context.changingFileStore();
  if (!flags.dryRun) {
    const lock = await file.lock("run");
    context.onRelease(() => lock.release());
  }
  const lines = await purgeLines(context, "expired", flags.dryRun);
  const parts = {
    ...{ file, clock: context.clock, reporter: context.reporter, signal: context.signal, ...lines },
    mirror: await (await context.mirrorLink()).open(),
    artifacts: await openArtifactsOf(context),
    backup: await openBackupOf(context, flags.backup, flags.dryRun),
  };
  const { dryRun, allowEmpty } = flags;
  const options = {
    ...{ retention: retention.value, stuckAfter: stuckAfter.value },
    ...{ dryRun, allowEmpty, maxDelete: flags.maxDelete ?? null },
  };
  try {
    return await cleanupOnce(parts, options);
  } finally {
    await lines.drain();
  }
}

/** The line that sums up a pass, for people and logs. */
export function summaryLine(result: CleanupResult): string {
  const counts = `candidates=${result.candidates} purged=${result.purged} skipped=${result.skipped} failed=${result.failed}`;
  const freed = `files=${result.files} bytes=${result.bytes} (${formatBytes(result.bytes)})`;
  const dry = result.dryRun ? " dry-run: nothing was removed" : "";
  return `[CLEANUP] pass expire-before=${result.expireBefore} ${counts} returned=${result.returned} stuck=${result.stuck} ${freed} in ${result.durationMs} ms${dry}\n`;
}
