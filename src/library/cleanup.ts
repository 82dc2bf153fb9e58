import { cleanUp, watchPasses } from "../app/cleanup.ts";
import type { RunParts } from "../app/parts.ts";
import { hasCode, isRedisError, ours, TtsctlError, valueIf } from "../errors.ts";
import type { Lock } from "../store/file/lock.ts";
import { guarded, libraryError } from "./arguments.ts";
import type { CleanupCounts, CleanupOptions, Logger } from "./types.ts";

/** @throws TtsctlError CONFIG_REQUIRED if a cleanup might act on defaults */
function checkCleanup(parts: RunParts): Promise<void> {
  const problem = "the cleanup removes audio and logs, but openTaskStore wasn't given their directories";
  return parts.requireConfig(true, "give openTaskStore output and logs, or a config", problem);
}

/** One pass of the cleanup. @throws TtsctlError CONFIG_REQUIRED, and as `cleanUp` */
export async function cleanupOnce(parts: RunParts, dryRun: boolean, doubt: TtsctlError | null = null) {
  try {
    await checkCleanup(parts);
    const { outcome, error } = await cleanUp(parts, { dryRun, allowEmpty: false, doubt });
    if (error?.code === "AUDIT_FAILED") throw error;
    const { expireBefore, candidates, purged, skipped, failed, returned, files, bytes, durationMs } = outcome.result;
    const counts = { expireBefore, candidates, purged, skipped, failed, returned, files, bytes, durationMs };
    return { counts, problem: outcome.problem, unreached: outcome.result.unreached ?? 0 };
  } finally {
    await parts.release();
  }
}

/**
 * `ttsctl cleanup --watch` in a program. Resolves when the passes have begun, or wait for another watcher to end.
 * @returns ends them @throws CONFIG_REQUIRED, LOCK_UNAVAILABLE
 */
export async function startCleanup(parts: RunParts, logger: Logger, options: CleanupOptions) {
  const stop = new AbortController();
  const { signal } = stop;
  const newRun = () => parts.forCall("startCleanup", signal);
  const pause = (seconds: number) => parts.clock.sleep(seconds * 1000, signal, true);
  const onPass = guarded("onPass", logger, options.onPass ?? (() => {}));

  /** @param lock null if another watcher holds it, whose end is awaited */
  async function watch(run: RunParts, lock: Lock | null): Promise<void> {
    while (lock === null) {
      await pause(5);
      if (signal.aborted) return;
      lock = await tryLock(run).catch((error: Error) => {
        if (!signal.aborted) logger.warn(`cleanup: ${error.message}`);
        return null;
      });
    }
    try {
      await watchPasses(run, lock, { settings: () => run.settings(), pass, wait: pause });
    } catch (error) {
      logger.warn(`the cleanup stopped: ${ours(error).message}`);
      onPass(null, libraryError(ours(error)));
    } finally {
      await run.release();
    }
  }

  /** Returns whether the pass failed. */
  async function pass(refusal: TtsctlError | null, doubt: TtsctlError | null): Promise<boolean> {
    let [counts, problem]: [CleanupCounts | null, TtsctlError | null] = [null, refusal];
    try {
      if (refusal === null) ({ counts, problem } = await cleanupOnce(await newRun(), false, doubt));
    } catch (cause) {
      const isKnown = cause instanceof TtsctlError;
      problem = isKnown ? cause : new TtsctlError("INTERNAL", `a pass failed: ${String(cause)}`, { cause });
    }
    if (problem !== null && (counts === null || !isRedisError(problem))) logger.warn(`cleanup: ${problem.message}`);
    onPass(counts, libraryError(problem));
    return problem !== null;
  }

  await checkCleanup(parts);
  const run = await newRun();
  const { retention } = (await run.settings()).cleanup;
  let ended: Promise<void> | undefined;
  if (retention.value <= 0) logger.warn(`cleanup is switched off: retention is ${retention.value}`);
  else {
    const lock = await tryLock(run);
    if (lock === null) logger.info("another process cleans up this store: waiting until it ends");
    ended = watch(run, lock);
  }
  return async (): Promise<void> => {
    stop.abort();
    await ended;
  };
}

/** Null if another watcher holds the lock. */
async function tryLock(run: RunParts): Promise<Lock | null> {
  const file = await run.changingFileStore();
  return file.lock("watch").catch(valueIf(hasCode("WATCHER_RUNNING"), null));
}
