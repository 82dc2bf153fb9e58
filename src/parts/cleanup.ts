import type { CleanupSettings } from "../config/settings.ts";
import type { TtsctlError } from "../errors.ts";
import type { MaxDelete } from "../operations/brake.ts";
import type { CleanupOutcome, CleanupParts } from "../operations/cleanup.ts";
import type { Ledger } from "../operations/ledger.ts";
import { PassRhythm } from "../operations/pass-rhythm.ts";
import { policyOf, shortestRetention } from "../operations/purge/policy.ts";
import type { Lock } from "../store/file/lock.ts";
import type { RunParts } from "./parts.ts";

export interface PassFlags {
  readonly dryRun: boolean;
  readonly allowEmpty: boolean;
  readonly maxDelete?: MaxDelete;
}

/**
 * One pass by the settings, with the run lock held until the parts are released. It does nothing if cleanup is switched off.
 * @throws TtsctlError as `cleanupOnce` of operations, LOCK_*
 */
export async function cleanupPass(
  parts: RunParts,
  flags: PassFlags,
  ledger: Ledger | null,
  openBackup: () => Promise<CleanupParts["backup"]>,
): Promise<CleanupOutcome> {
  const { cleanupOnce, emptyResult } = await import("../operations/cleanup.ts");
  const { cleanup } = await parts.settings();
  const { retention, stuckAfter } = cleanup;
  if (retention.value <= 0) {
    parts.reporter.warn(`cleanup is switched off: retention is ${retention.value} (${retention.origin})`);
    return { result: emptyResult(parts.clock.now() - retention.value, flags), problem: null, sizes: null };
  }
  const purge = { ...(await parts.purgeParts(ledger, flags.dryRun)), backup: await openBackup() };
  const { dryRun, allowEmpty, maxDelete = null } = flags;
  return cleanupOnce(purge, { ...policyOf(cleanup), stuckAfter: stuckAfter.value, dryRun, allowEmpty, maxDelete });
}

interface Watcher {
  /** Replaced if the lock file was. */
  lock: Lock;
  /** The settings of the next pass; with `isTrusted` the clock counts as right. */
  settings(): Promise<{ readonly cleanup: CleanupSettings; readonly isTrusted?: boolean }>;
  /** Returns whether the pass failed. @param refusal why it must not begin */
  pass(refusal: TtsctlError | null): Promise<boolean>;
  /** Ends early with the signal. */
  wait(seconds: number): Promise<void>;
}

/**
 * Passes until the signal, with waits between them.
 * @throws TtsctlError LOCK_*, WATCHER_RUNNING if the watch lock is lost; and what the watcher throws
 */
export async function watchPasses(parts: RunParts, watcher: Watcher): Promise<void> {
  const file = await parts.changingFileStore();
  const rhythm = new PassRhythm(parts.clock);
  while (!parts.signal.aborted) {
    watcher.lock = await file.keepWatchLock(watcher.lock);
    const { cleanup, isTrusted = false } = await watcher.settings();
    if (isTrusted) rhythm.trustClock();
    const isOn = cleanup.retention.value > 0;
    const refusal = rhythm.refusal(isOn ? shortestRetention(policyOf(cleanup)) : null);
    const failed = await watcher.pass(refusal);
    await watcher.wait(rhythm.pause(cleanup.retention.value, failed));
  }
}
