import { lstat } from "node:fs/promises";
import { resolve } from "node:path";
import { isRedisError, TtsctlError, throwIfInterrupted } from "../errors.ts";
import type { MaxDelete } from "../operations/brake.ts";
import type { CleanupOutcome, CleanupResult } from "../operations/cleanup.ts";
import { TargetFile } from "../operations/export/target-file.ts";
import { audited } from "../parts/audited.ts";
import { cleanupPass } from "../parts/cleanup.ts";
import { readRegular, refuseUsed, whyNotWritten } from "../store/file/written-file.ts";
import { formatBytes } from "../task/amounts.ts";
import { VERSION } from "../version.ts";
import type { Context } from "./context.ts";
import { DONE, emitObject, PARTLY } from "./emit.ts";
import { openBackupOf } from "./purging.ts";

export interface CleanupFlags {
  readonly once?: boolean;
  readonly watch?: boolean;
  readonly explain?: boolean;
  readonly orphans?: boolean;
  readonly yes?: boolean;
  readonly dryRun: boolean;
  readonly retention?: string;
  readonly keepLast?: string;
  readonly maxBytes?: string;
  readonly backup?: string;
  readonly metricsFile?: string;
  readonly maxDelete?: MaxDelete;
  readonly allowEmpty: boolean;
}

/**
 * One pass with what the flags and settings say: printed, in the ledger and in the metrics. Returns the exit code.
 * @param refusal why the pass is not to begin; it then counts as one that failed
 * @throws TtsctlError what kept the pass from its work; INTERRUPTED
 */
export function runPass(context: Context, flags: CleanupFlags, refusal: TtsctlError | null = null): Promise<number> {
  return measured(context, { path: metricsFileOf(flags), backup: flags.backup }, async (observe) => {
    if (refusal !== null) throw refusal;
    return audited(context, !flags.dryRun, async (ledger) => {
      const outcome = await cleanupPass(context, flags, ledger, () => openBackupOf(context, flags));
      observe(outcome);
      const shown = printed(outcome.result);
      ledger?.count(shown);
      await emitObject(context, shown, () => summaryLine(outcome.result));
      return exitCodeOf(outcome, context);
    });
  });
}

/** A dry run purges nothing, so it has nothing to count. */
function metricsFileOf({ metricsFile, dryRun }: CleanupFlags): string | null {
  return metricsFile === undefined || dryRun ? null : metricsFile;
}

/** SPEC section 5: a missing Redis makes it partly done; an interrupted pass is an error. */
function exitCodeOf({ result, problem }: CleanupOutcome, context: Context): number {
  throwIfInterrupted(context.signal, `${result.purged} tasks were purged`, "the next pass goes on");
  if (problem !== null && !isRedisError(problem)) throw problem;
  if (problem !== null)
    context.reporter.warn(
      `${problem.message}: the file alone was ${result.dryRun ? "looked at" : "cleaned up; what Redis holds goes at the next pass"}`,
    );
  return problem !== null || result.failed > 0 || result.returned > 0 ? PARTLY : DONE;
}

/** The keys of SPEC section 5, and behind them, where there is something to say, what the settings add. */
function printed({ keptLast, purgedForSpace, finishedBytes, stuck, ...result }: CleanupResult): object {
  return {
    ...result,
    ...(keptLast > 0 ? { keptLast } : {}),
    ...(finishedBytes === null ? {} : { purgedForSpace, finishedBytes }),
    ...(stuck > 0 ? { stuck } : {}),
  };
}

/** The line that sums up a pass, for people and logs. */
function summaryLine(result: CleanupResult): string {
  const counts = `candidates=${result.candidates} purged=${result.purged} skipped=${result.skipped} failed=${result.failed}`;
  const freed = `files=${result.files} bytes=${result.bytes} (${formatBytes(result.bytes)})`;
  const more = result.keptLast > 0 ? ` kept-last=${result.keptLast}` : "";
  const space = result.finishedBytes === null ? "" : ` for-space=${result.purgedForSpace}`;
  const dry = result.dryRun ? " dry-run: nothing was removed" : "";
  return `[CLEANUP] pass expire-before=${result.expireBefore} ${counts} returned=${result.returned} stuck=${result.stuck}${more}${space} ${freed} in ${result.durationMs} ms${dry}\n`;
}

/** Everybody may read it: the exporter runs as another user. */
const MODE = 0o644;

/** Receives the outcome of a pass. */
type Observe = (outcome: CleanupOutcome) => void;

/**
 * Runs a cleanup pass and writes how it went to a file for node_exporter's textfile collector, also where it failed. A
 * file that cannot be written is a warning: the pass counts all the same.
 * @param path null where none is asked for
 * @param backup the path of `--backup`, which must be another
 * @throws TtsctlError USAGE where the path names the store file or another file that is in use; and what the pass throws
 */
async function measured(
  context: Context,
  { path, backup }: { path: string | null; backup: string | undefined },
  pass: (observe: Observe) => Promise<number>,
): Promise<number> {
  if (path === null) return pass(() => {});
  const target = resolve(context.cwd, path);
  await refuseOtherFiles(context, target, backup);
  const started = context.clock.monotonic();
  let outcome: CleanupOutcome | null = null;
  const observe = (seen: CleanupOutcome) => {
    outcome = seen;
  };
  const ended = (exitCode: number, error: string | null) => {
    const duration = Math.round((context.clock.monotonic() - started) * 1000) / 1000;
    return writeMetrics(context, target, { exitCode, error, duration, outcome });
  };
  try {
    const exitCode = await pass(observe);
    await ended(exitCode, null);
    return exitCode;
  } catch (error) {
    const { code, exitCode } = error instanceof TtsctlError ? error : { code: "INTERNAL", exitCode: 1 };
    await ended(exitCode, code);
    throw error;
  }
}

/**
 * A file that is there and isn't a regular one is refused before the pass; a directory is a warning after it, as any
 * file that cannot be written.
 */
async function refuseOtherFiles(context: Context, target: string, backup: string | undefined): Promise<void> {
  await refuseUsed("--metrics-file", target, await context.filesInUse(backup));
  const there = await lstat(target).catch(() => null);
  if (there === null || there.isFile() || there.isDirectory()) return;
  throw new TtsctlError("USAGE", `--metrics-file names ${target}, which is not a regular file`, {
    hint: "choose a file; node_exporter reads it from a directory",
  });
}

interface Ended {
  readonly exitCode: number;
  readonly error: string | null;
  /** Seconds */
  readonly duration: number;
  readonly outcome: CleanupOutcome | null;
}

async function writeMetrics(context: Context, target: string, { outcome, ...ended }: Ended): Promise<void> {
  const { store, redis } = await context.settings();
  const { addPass, isPassMetrics, passMetricsText, totalsIn } = await import("../render/pass-metrics.ts");
  try {
    const before = (await readRegular(target)) ?? "";
    if (!isPassMetrics(before)) throw new TtsctlError("EXPORT_FAILED", "another file has that name, and is left alone");
    const pass = {
      ...{ ...ended, store: store.path.value, version: VERSION, endedAt: context.clock.now() },
      ...{ result: outcome?.result ?? null, ...(outcome?.sizes ?? { fileTasks: null, redisTasks: null }) },
      redisUp: outcome === null || !redis.enabled.value ? null : !isRedisError(outcome.problem),
    };
    await replace(target, await passMetricsText(pass, addPass(totalsIn(before), pass)));
  } catch (error) {
    const reason = error instanceof TtsctlError ? error.message : whyNotWritten(error);
    context.reporter.warn(`the metrics file ${target} was not written: ${reason}`);
  }
}

/** At once, so that the exporter never reads half of it. */
async function replace(target: string, text: string): Promise<void> {
  const file = await TargetFile.at(target, true, MODE);
  try {
    await file.write([text]);
    await file.finish();
  } finally {
    await file.close();
  }
}
