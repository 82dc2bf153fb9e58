import type { Artifacts } from "../artifacts/artifacts.ts";
import type { Clock } from "../clock.ts";
import type { TtsctlError } from "../errors.ts";
import type { FileStore } from "../store/file/file-store.ts";
import { LIVE } from "../store/file/rows.ts";
import type { Snapshot } from "../store/file/snapshot.ts";
import type { MirrorState } from "../store/mirror-link.ts";
import type { Mirror } from "../store/redis/mirror.ts";
import { invalidWarnings } from "../store/task-store.ts";
import { describeStuck, type StuckRule } from "../task/stuck.ts";
import { formatUtc } from "../task/time.ts";
import { checkBrake, type MaxDelete } from "./brake.ts";
import type { Ledger } from "./ledger.ts";
import { MirrorUse } from "./mirror-use.ts";
import type { BackupFile } from "./purge/backup.ts";
import type { Copies } from "./purge/copies.ts";
import { type Decision, decideCleanup } from "./purge/decide.ts";
import { Purge, type PurgePolicy } from "./purge/purge.ts";
import { recoverArtifacts } from "./purge/recover.ts";
import { expiredRows, type Survey, survey } from "./purge/survey.ts";
import type { PurgedTask } from "./purge/tally.ts";
import { NamedWarnings, type Reporter } from "./reporter.ts";
import { checkClock, checkTimezone, storeEmpty } from "./safety.ts";
import { findStuck } from "./stuck.ts";

export interface CleanupOptions {
  /** Seconds; more than zero. */
  readonly retention: number;
  readonly dryRun: boolean;
  readonly maxDelete: MaxDelete;
  /** Seconds without a change after which a `wait` or `run` task is called stuck; zero or negative: none is. */
  readonly stuckAfter: number;
  /** An empty store file beside a Redis with tasks is meant. */
  readonly allowEmpty: boolean;
}

/** `cleanup -o json` (SPEC section 5): candidates = purged + skipped + failed. */
export interface CleanupResult {
  /** ISO 8601, UTC. */
  expireBefore: string;
  candidates: number;
  purged: number;
  skipped: number;
  failed: number;
  returned: number;
  /** Tasks that have waited or run for too long; they stay. */
  stuck: number;
  files: number;
  bytes: number;
  dryRun: boolean;
  durationMs: number;
}

export interface CleanupOutcome {
  readonly result: CleanupResult;
  /** What kept the pass from doing its whole work, if anything did. */
  readonly problem: TtsctlError | null;
  /** How many tasks the stores had when the pass began; null where that was not looked at, or Redis did not say. */
  readonly sizes: { readonly fileTasks: number; readonly redisTasks: number | null } | null;
}

export interface CleanupParts {
  readonly file: FileStore;
  readonly mirror: MirrorState;
  readonly artifacts: Artifacts;
  readonly backup: BackupFile | null;
  readonly ledger: Ledger | null;
  readonly clock: Clock;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
  onPurged(task: PurgedTask): void;
  /** Waits until what onPurged was given is written. */
  drain(): Promise<void>;
}

/** A task whose time lies this far ahead is from the future, not from the moments since the pass began. Seconds. */
const FUTURE_S = 60;

/**
 * One pass of SPEC section 6. The caller holds the run lock, unless it is a dry run.
 * @throws TtsctlError STORE_*, CLOCK_SKEW, TIMEZONE_MISMATCH, MAX_DELETE_EXCEEDED, BACKUP_FAILED, AUDIT_FAILED
 */
export async function cleanupOnce(parts: CleanupParts, options: CleanupOptions): Promise<CleanupOutcome> {
  const started = parts.clock.monotonic();
  const now = parts.clock.now();
  const expireBefore = now - options.retention;
  const use = new MirrorUse(parts.mirror);
  await use.attempt((mirror) => checkClocks(mirror, parts.clock, options.retention));
  if (!options.dryRun) await recoverArtifacts(parts);
  const snapshot = await parts.file.read();
  try {
    for (const line of invalidWarnings(snapshot)) parts.reporter.warn(line);
    const found = await use.attempt((mirror) => findExpired(snapshot, mirror, expireBefore));
    await use.attempt((mirror) => nameFuture(snapshot, mirror, now + FUTURE_S, parts.reporter));
    const sizes = { fileTasks: snapshot.size, redisTasks: use.mirror === null ? null : found.members };
    const result = emptyResult(expireBefore, options);
    result.stuck = await nameStuck(parts.reporter, use, snapshot, { now, after: options.stuckAfter });
    const empty = refusedAsEmpty(snapshot, found, options);
    const lost = await purgeFound(
      parts,
      options,
      { snapshot, found, now, expireBefore, mirror: use.mirror, empty },
      result,
    );
    result.candidates = result.purged + result.skipped + result.failed;
    result.durationMs = Math.round((parts.clock.monotonic() - started) * 1000);
    return { result, problem: empty ?? use.lost ?? lost, sizes };
  } finally {
    await snapshot.close();
  }
}

async function checkClocks(mirror: Mirror | null, clock: Clock, retention: number): Promise<void> {
  if (mirror === null) return;
  await checkClock(mirror, clock, retention);
  await checkTimezone(mirror);
}

/** Candidates of both stores (SPEC section 6, steps 2 and 3). */
function findExpired(snapshot: Snapshot, mirror: Mirror | null, expireBefore: number): Promise<Survey> {
  return survey(snapshot, expiredRows(snapshot, expireBefore), mirror, ({ score }) => score <= expireBefore);
}

/** While Redis has tasks, a missing or empty store file purges nothing: it may be the wrong folder or a lost disk. */
function refusedAsEmpty(snapshot: Snapshot, found: Survey, options: CleanupOptions): TtsctlError | null {
  if (snapshot.size > 0 || found.members === 0 || options.allowEmpty) return null;
  return storeEmpty(snapshot, ` while Redis has ${found.members}: nothing was purged`);
}

interface Pass {
  readonly snapshot: Snapshot;
  readonly found: Survey;
  readonly now: number;
  readonly expireBefore: number;
  readonly mirror: Mirror | null;
  /** Why nothing may be purged, or null. */
  readonly empty: TtsctlError | null;
}

/** The second look, and with an empty store file nothing more than that. */
function decideIn({ expireBefore, empty }: Pass, copies: Copies): Decision {
  const decision = decideCleanup(copies, expireBefore);
  if (empty === null || decision.kind !== "purge") return decision;
  return { kind: "keep", reason: "the store file has no tasks", candidate: true };
}

async function purgeFound(
  parts: CleanupParts,
  options: CleanupOptions,
  pass: Pass,
  result: CleanupResult,
): Promise<TtsctlError | null> {
  const policy: PurgePolicy = {
    now: pass.now,
    expireBefore: pass.expireBefore,
    dryRun: options.dryRun,
    reason: "expired",
    decide: (copies) => decideIn(pass, copies),
    onPurged: parts.onPurged,
    drain: parts.drain,
  };
  const purge = new Purge({ ...parts, mirror: pass.mirror }, policy, pass.snapshot, pass.found);
  if (options.maxDelete !== null) {
    checkBrake(await purge.countPlanned(), Math.max(pass.snapshot.size, pass.found.members), options.maxDelete);
  }
  await purge.run();
  const { counts } = purge;
  result.purged = counts.purged;
  result.skipped = counts.kept;
  result.failed = counts.failed;
  result.returned = counts.returned.length;
  result.files = counts.files;
  result.bytes = counts.bytes;
  return counts.mirrorLost;
}

/** The result of a pass that has not begun. */
export function emptyResult(expireBefore: number, { dryRun }: { dryRun: boolean }): CleanupResult {
  return {
    expireBefore: formatUtc(expireBefore),
    ...{ candidates: 0, purged: 0, skipped: 0, failed: 0, returned: 0, stuck: 0, files: 0, bytes: 0 },
    ...{ dryRun, durationMs: 0 },
  };
}

async function nameStuck(reporter: Reporter, use: MirrorUse, snapshot: Snapshot, rule: StuckRule): Promise<number> {
  const stuck = await use.attempt((mirror) => findStuck(snapshot, mirror, rule));
  const line = describeStuck(stuck);
  if (line !== null) reporter.warn(line);
  return stuck.count;
}

/** Tasks with a time ahead of ours never expire; an operator should know. */
async function nameFuture(snapshot: Snapshot, mirror: Mirror | null, after: number, reporter: Reporter): Promise<void> {
  const named = new NamedWarnings(reporter, "is kept");
  const { rows } = snapshot;
  for (let row = 0; row < rows.size; row++) {
    if (rows.state(row) !== LIVE || rows.score(row) <= after) continue;
    const key = rows.key(row);
    named.add(rows.keys.userId(key), rows.keys.taskId(key), "its time lies in the future");
  }
  if (named.count === 0 && mirror !== null) {
    for (const { userId, taskId, score } of await mirror.newest(undefined, 0, 10)) {
      if (score > after) named.add(userId, taskId, "its time in Redis lies in the future");
    }
  }
  named.end();
}
