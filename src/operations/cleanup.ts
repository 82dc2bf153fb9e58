import type { TtsctlError } from "../errors.ts";
import type { Snapshot } from "../store/file/snapshot.ts";
import type { Mirror } from "../store/redis/mirror.ts";
import { fileWarnings } from "../store/task-store.ts";
import { formatBytes } from "../task/amounts.ts";
import { isUnfinished } from "../task/status.ts";
import { describeStuck } from "../task/stuck.ts";
import { formatUtc } from "../task/time.ts";
import type { BackupFile } from "./backup.ts";
import { checkBrake, type MaxDelete } from "./brake.ts";
import type { DiskUse } from "./disk-use.ts";
import type { Parts } from "./parts.ts";
import { preflight } from "./preflight.ts";
import { type CleanupPlan, type PrepareOptions, planCleanup } from "./purge/cleanup-plan.ts";
import { type PurgePolicy, purgeOf } from "./purge/purge.ts";
import { recoverArtifacts } from "./purge/purge-artifacts.ts";
import { shortestRetention } from "./purge/rules.ts";
import { NamedWarnings, type Reporter } from "./reporter.ts";
import { findStuck } from "./survey.ts";

export interface CleanupOptions extends PrepareOptions {
  readonly dryRun: boolean;
  readonly maxDelete: MaxDelete;
  /** Why this machine's clock may be wrong; only Redis's can confirm it. */
  readonly doubt?: TtsctlError | null;
  /** `after` of the `StuckRule`. */
  readonly stuckAfter: number;
}

/** `cleanup -o json` (docs/contract.md, Commands) of a pass that hasn't begun: candidates = purged + skipped + failed. */
export function emptyResult(expireBefore: number, { dryRun }: { dryRun: boolean }) {
  return {
    /** ISO 8601, UTC. */
    expireBefore: formatUtc(expireBefore),
    candidates: 0,
    purged: 0,
    skipped: 0,
    failed: 0,
    returned: 0,
    /** Left by a stopped pass, expired in the file or only in Redis; not among the candidates. */
    unreached: 0,
    /** Of the purged, those before their retention, for `max_bytes`. */
    purgedForSpace: 0,
    /** Expired tasks that `keep_last` keeps; they aren't candidates. */
    keptLast: 0,
    /** The size of the artifacts of finished tasks before the pass; null if `max_bytes` is off. */
    finishedBytes: null as number | null,
    stuck: 0,
    files: 0,
    bytes: 0,
    dryRun,
    durationMs: 0,
  };
}

export type CleanupResult = ReturnType<typeof emptyResult>;

export interface CleanupParts
  extends Parts<"file" | "mirror" | "artifacts" | "ledger" | "clock" | "reporter" | "signal"> {
  readonly backup: BackupFile | null;
  /** The content of the file, if its caller has just read it, and the sizes of the artifacts. */
  readonly snapshot?: Snapshot | undefined;
  readonly sizes?: DiskUse | undefined;
}

/** Tasks may change after the pass began; a time this far ahead is wrong. Seconds. */
const FUTURE_S = 60;
const FUTURE_LOOK = 500;

/** One pass of docs/contract.md, Cleanup. Unless it is a dry run, the caller holds the run lock. @throws TtsctlError, before the first change */
export async function cleanupOnce(parts: CleanupParts, options: CleanupOptions) {
  const started = parts.clock.monotonic();
  const now = parts.clock.now();
  await using snapshot = parts.snapshot?.share() ?? (await parts.file.read(parts.signal));
  const { allowEmpty, doubt = null, dryRun, maxDelete } = options;
  const warn = (line: string) => parts.reporter.warn(line);
  const age = shortestRetention(options);
  const { file, use } = await preflight(parts, "cleanup", { snapshot, age, allowEmpty, dryRun });
  if (doubt !== null && use.mirror === null) throw doubt;
  fileWarnings(snapshot).forEach(warn);
  if (!dryRun) recoverArtifacts(parts);
  const { plan, found } = await planCleanup(parts, snapshot, use, options, now);
  await use.attempt((mirror) => nameFuture(snapshot, mirror, now + FUTURE_S, parts.reporter));
  /** How many tasks the stores had when the pass began; null if unknown. */
  const sizes = { fileTasks: snapshot.size, redisTasks: use.mirror === null ? null : found.members };
  const stuck = await use.attempt((mirror) => findStuck(snapshot, mirror, { now, after: options.stuckAfter }));
  const stuckLine = describeStuck(stuck);
  if (stuckLine !== null) warn(stuckLine);
  const totals = nameTotals(plan, options, parts.reporter);
  const policy: PurgePolicy = {
    ...{ now, sweepBefore: plan.sweepBefore, dryRun, doing: "cleaning up" },
    isCounted: (status) => !isUnfinished(status),
    decide: (task) => plan.decide(task),
  };
  const purge = purgeOf({ ...parts, file, mirror: use }, policy, snapshot, found);
  const all = Math.max(snapshot.size, found.members);
  if (maxDelete !== null) checkBrake((await purge.plan()).count, all, maxDelete, { verb: "purge" });
  await purge.check();
  const stopped = await purge.run();
  if (!dryRun && stopped === null) await file.compact(snapshot, warn);
  const { counts, unreached } = purge.tally;
  const result = {
    ...emptyResult(now - options.retention, options),
    ...counts,
    ...totals,
    candidates: counts.purged + counts.skipped + counts.failed,
    unreached,
    stuck: stuck.count,
    durationMs: Math.round((parts.clock.monotonic() - started) * 1000),
  };
  return { result, problem: stopped ?? use.lost, sizes };
}

function nameTotals({ ranking }: CleanupPlan, { maxBytes }: CleanupOptions, reporter: Reporter) {
  if (ranking === null) return {};
  const { bytes, leftBytes, keptExpired } = ranking;
  if (maxBytes > 0 && leftBytes > maxBytes) {
    const limit = `more than max_bytes (${formatBytes(maxBytes)})`;
    reporter.warn(`the finished tasks that are kept take ${formatBytes(leftBytes)}, ${limit}; other rules keep them`);
  }
  return { keptLast: keptExpired, finishedBytes: maxBytes === 0 ? null : bytes };
}

/** A task from the future never expires, so it is reported. */
async function nameFuture(snapshot: Snapshot, mirror: Mirror | null, after: number, reporter: Reporter): Promise<void> {
  const named = new NamedWarnings(reporter, "is kept");
  const { rows } = snapshot;
  for (const row of snapshot.liveRows()) {
    if (rows.score(row) > after) named.add(snapshot.idOf(row), "its time is in the future");
  }
  const inFuture = { userId: undefined, since: after, until: null };
  for (const member of (await mirror?.page(inFuture, 0, FUTURE_LOOK))?.members ?? []) {
    const row = snapshot.rowOf(member);
    const isNamed = row >= 0 && rows.score(row) > after;
    if (member.score > after && !isNamed) named.add(member, "its time in Redis is in the future");
  }
  named.end();
}
