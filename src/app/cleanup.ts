import type { CleanupSettings } from "../config/settings.ts";
import { TtsctlError } from "../errors.ts";
import type { MaxDelete } from "../operations/brake.ts";
import type { CleanupParts } from "../operations/cleanup.ts";
import type { Ledger } from "../operations/ledger.ts";
import { policyOf, shortestRetention } from "../operations/purge/rules.ts";
import { allowedSkew } from "../operations/safety.ts";
import type { Lock } from "../store/file/lock.ts";
import { counted } from "../task/amounts.ts";
import { ended } from "./ended.ts";
import { audited } from "./ledger.ts";
import type { RunParts } from "./parts.ts";

export interface PassFlags {
  readonly dryRun: boolean;
  readonly allowEmpty: boolean;
  readonly maxDelete?: MaxDelete;
  /** As for a `Watcher`. */
  readonly doubt?: TtsctlError | null;
  /** Opens the file that gets each record before its purge. */
  readonly openBackup?: () => Promise<CleanupParts["backup"]>;
}

export type CleanupOutcome = Awaited<ReturnType<typeof cleanUp>>["outcome"];

/** One pass by the settings, if cleanup is on, in the audit ledger. @throws as `cleanupOnce`, LOCK_*, AUDIT_FAILED */
export async function cleanUp(parts: RunParts, flags: PassFlags) {
  const { dryRun, allowEmpty, maxDelete = null, doubt = null, openBackup } = flags;
  const pass = async (ledger: Ledger | null) => {
    const { cleanupOnce, emptyResult } = await import("../operations/cleanup.ts");
    const { cleanup } = await parts.settings();
    const { retention, stuckAfter } = cleanup;
    if (retention.value <= 0) {
      parts.reporter.warn(`cleanup is switched off: retention is ${retention.value} (${retention.origin})`);
      return { result: emptyResult(parts.clock.now() - retention.value, { dryRun }), problem: null, sizes: null };
    }
    const purge = { ...(await parts.purgeParts(ledger, dryRun)), backup: (await openBackup?.()) ?? null };
    const options = { dryRun, allowEmpty, maxDelete, doubt, stuckAfter: stuckAfter.value };
    return cleanupOnce(purge, { ...policyOf(cleanup), ...options });
  };
  const made = async (ledger: Ledger | null) => {
    const outcome = await pass(ledger);
    const { unreached, keptLast, purgedForSpace, finishedBytes, stuck, ...result } = outcome.result;
    const end = ended(parts, outcome, {
      did: `${counted(result.purged - result.returned, "task")} purged`,
      next: "the next pass continues",
      isPartly: result.failed + result.returned > 0,
      without: dryRun ? "only the file was checked" : "copies may remain in Redis; the next pass purges them",
    });
    // The keys of docs/contract.md, Commands, and the additional ones that apply.
    const space = finishedBytes === null ? {} : { purgedForSpace, finishedBytes };
    const left = unreached > 0 && { unreached };
    const more = { ...left, ...(keptLast > 0 && { keptLast }), ...space, ...(stuck > 0 && { stuck }) };
    return { ...end, result: { ...result, ...more } };
  };
  return audited(parts, !dryRun, made, { pass: (await parts.settings()).store.path.value });
}

interface Watcher {
  /** The settings of the next pass; with `isTrusted` the clock counts as right. */
  settings(): Promise<{ readonly cleanup: CleanupSettings; readonly isTrusted?: boolean }>;
  /** Returns whether it failed. @param refusal why it must not begin @param doubt why it must end if Redis can't confirm the clock */
  pass(refusal: TtsctlError | null, doubt: TtsctlError | null): Promise<boolean>;
  /** Ends early with the signal. */
  wait(seconds: number): Promise<void>;
}

export const WATCH_S = { least: 30, most: 300 };

/** Seconds between passes. */
export function watchInterval(retention: number): number {
  return Math.min(WATCH_S.most, Math.max(WATCH_S.least, retention / 10));
}

/**
 * Passes until the signal, with waits between them. If the wall clock jumped since the last pass (docs/contract.md,
 * Clocks), one pass is refused, and later ones until the clock is back, trusted, or agrees with that of Redis.
 * The lock is released with the parts. @throws TtsctlError LOCK_*, WATCHER_RUNNING if the watch lock is lost; and what the watcher throws
 */
export async function watchPasses(parts: RunParts, taken: Lock, watcher: Watcher): Promise<void> {
  let lock = taken;
  parts.onRelease(() => lock.release());
  const file = await parts.changingFileStore();
  const readClocks = () => ({ wall: parts.clock.now(), monotonic: parts.clock.monotonic() });
  let clocks = readClocks();
  let failures = 0;
  let isDoubted = false;
  while (!parts.signal.aborted) {
    lock = await file.keepWatchLock(lock); // another one if the lock file was replaced
    const { cleanup, isTrusted = false } = await watcher.settings();
    const retention = cleanup.retention.value;
    const now = readClocks();
    const jump = Math.abs(now.wall - clocks.wall - (now.monotonic - clocks.monotonic));
    const isRight = retention <= 0 || isTrusted || jump <= allowedSkew(shortestRetention(policyOf(cleanup)));
    const hint = "fix the clock, or send SIGHUP if the clock is correct now";
    const doubt = isRight ? null : new TtsctlError("CLOCK_SKEW", `the clock jumped by ${Math.round(jump)} s`, { hint });
    failures = (await watcher.pass(isDoubted ? null : doubt, doubt)) ? failures + 1 : 0;
    if (isRight || failures === 0) clocks = now;
    isDoubted = !isRight;
    // After failed passes in a row the wait doubles.
    await watcher.wait(Math.min(900, watchInterval(retention) * 2 ** Math.min(failures, 10)));
  }
}
