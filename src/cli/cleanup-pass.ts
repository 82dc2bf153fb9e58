import { isRedisError, type TtsctlError } from "../errors.ts";
import type { MaxDelete } from "../operations/brake.ts";
import type { CleanupOutcome, CleanupResult } from "../operations/cleanup.ts";
import { throwIfInterrupted } from "../operations/pool.ts";
import { audited } from "../parts/audited.ts";
import { cleanupPass } from "../parts/cleanup.ts";
import { formatBytes } from "../task/bytes.ts";
import type { Context } from "./context.ts";
import { DONE, emitObject, PARTLY } from "./emit.ts";
import { measured } from "./metrics-file.ts";
import { openOutput } from "./purging.ts";

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
      const outcome = await cleanupPass(context, flags, ledger, () => openOutput(context, flags));
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

/** SPEC section 5: a missing Redis makes it partly done; an interrupted pass is told as such. */
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
