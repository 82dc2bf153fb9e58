import type { Clock } from "../../clock.ts";
import { isRedisError, TtsctlError } from "../../errors.ts";
import type { FileStore } from "../../store/file/file-store.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import { invalidWarnings } from "../../store/task-store.ts";
import { checkBrake, type MaxDelete } from "../brake.ts";
import { CurrentFile } from "../current-file.ts";
import { throwIfInterrupted } from "../pool.ts";
import { NamedWarnings, type Reporter } from "../reporter.ts";
import { checkTimezone, storeEmpty } from "../safety.ts";
import { SyncMark } from "../sync-mark.ts";
import { Drift } from "./drift.ts";
import { FirstLook } from "./first-look.ts";
import type { VerifyResult } from "./kinds.ts";
import { Repair, type RepairParts } from "./repair.ts";
import { RepairPlan } from "./repair-plan.ts";
import { lookAgain } from "./second-look.ts";

export interface VerifyOptions {
  readonly userId?: string;
}

export interface RepairOptions extends VerifyOptions {
  readonly dryRun: boolean;
  /** Remove what only Redis has. */
  readonly prune: boolean;
  /** Put what only Redis has into the file. */
  readonly restore: boolean;
  readonly maxDelete: MaxDelete;
  /** An empty store file is meant. */
  readonly allowEmpty: boolean;
}

export interface VerifyParts {
  readonly file: FileStore;
  readonly mirror: Mirror;
  readonly clock: Clock;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

export interface VerifyRepairParts extends VerifyParts, RepairParts {
  /** Asks before tasks are removed; throws where the answer is no. */
  confirm(count: number): Promise<void>;
}

/** `verify -o json`, and whose tasks drifted. */
export interface VerifyOutcome {
  readonly result: VerifyResult;
  readonly drift: Drift;
}

/**
 * Compares the store file and Redis, record by record and member by member, and changes nothing.
 * @throws TtsctlError STORE_*, REDIS_* (also when Redis is lost midway)
 */
export async function verify(parts: VerifyParts, { userId }: VerifyOptions): Promise<VerifyOutcome> {
  const file = new CurrentFile(parts.file);
  try {
    await warnOfTimezone(parts);
    const comparison = await compare(parts, file, userId);
    return { result: resultOf(comparison, 0), drift: comparison.drift };
  } finally {
    await file.close();
  }
}

/**
 * Compares and mends (SPEC section 5): `repaired` counts the tasks that were, or with a dry run would be. The caller
 * holds the run lock, unless it is a dry run.
 * @throws TtsctlError as verify; TIMEZONE_MISMATCH; STORE_EMPTY and MAX_DELETE_EXCEEDED before anything is changed
 */
export async function verifyAndRepair(parts: VerifyRepairParts, options: RepairOptions): Promise<VerifyOutcome> {
  const file = new CurrentFile(parts.file);
  const mark = options.userId === undefined && !options.dryRun ? new SyncMark(parts.mirror, parts.clock) : null;
  try {
    await checkTimezone(parts.mirror);
    await mark?.begin();
    const comparison = await compare(parts, file, options.userId);
    const { drift } = comparison;
    const plan = await planFor(parts, comparison, await file.snapshot(), options);
    if (options.dryRun) return { result: resultOf(comparison, plan.size), drift };
    const repair = new Repair(parts, drift, plan);
    await repair.run(file);
    if (repair.unwritten === 0) await mark?.leave("verify --repair");
    return { result: resultOf(comparison, repair.mended), drift };
  } finally {
    await file.close();
  }
}

/** @throws TtsctlError STORE_EMPTY, MAX_DELETE_EXCEEDED, and what `confirm` throws */
async function planFor(
  { confirm, reporter }: VerifyRepairParts,
  { drift, mirrored }: Comparison,
  snapshot: Snapshot,
  { prune, restore, dryRun, maxDelete, allowEmpty }: RepairOptions,
): Promise<RepairPlan> {
  const isEmpty = snapshot.size === 0 && !allowEmpty;
  if (prune && isEmpty) throw storeEmpty(snapshot, ": nothing was pruned, and nothing was repaired");
  const plan = new RepairPlan(drift, { prune, restore, removeMembers: !isEmpty || restore });
  if (isEmpty && !restore && drift.counts.dangling > 0) {
    reporter.warn(`index members without a task stay: ${storeEmpty(snapshot, "").message}`);
  }
  const pruned = plan.count("prune");
  checkBrake(pruned, mirrored, maxDelete);
  if (pruned > 0 && !dryRun) await confirm(pruned);
  return plan;
}

interface Comparison {
  readonly drift: Drift;
  readonly invalid: number;
  /** How many tasks the mirror has something of. */
  readonly mirrored: number;
}

async function compare(parts: VerifyParts, file: CurrentFile, userId: string | undefined): Promise<Comparison> {
  const snapshot = await file.snapshot();
  for (const line of invalidWarnings(snapshot)) parts.reporter.warn(line);
  const first = new FirstLook(parts, snapshot, userId);
  const done = () => `${first.compared} of ${snapshot.size} tasks were compared`;
  try {
    await first.run();
    throwIfInterrupted(parts.signal, done());
    const { mirrored } = first.marks;
    const inStep = first.marks.separate();
    const { suspects } = first.marks;
    await lookAgain({ ...parts, file }, suspects, snapshot.identity);
    throwIfInterrupted(parts.signal, done());
    const drift = new Drift(suspects, await file.snapshot(), userId, inStep);
    nameForeign(drift, parts.reporter);
    return { drift, invalid: snapshot.invalid.count, mirrored };
  } catch (error) {
    throw isRedisError(error) ? lostMidway(error, done()) : error;
  }
}

/** What stands where a hash belongs is not ours to remove. */
function nameForeign(drift: Drift, reporter: Reporter): void {
  const named = new NamedWarnings(reporter, "cannot be mirrored");
  for (const suspect of drift.suspectsOf("partial")) {
    if (!drift.suspects.traits(suspect).isForeign) continue;
    const { userId, taskId } = drift.suspects.id(suspect);
    named.add(
      userId,
      taskId,
      "its key in Redis holds something else than a hash; look at it, and remove it with redis-cli",
    );
  }
  named.end();
}

function lostMidway(error: TtsctlError, done: string): TtsctlError {
  return new TtsctlError(error.code, `${error.message}; before that ${done}`, {
    hint: error.hint ?? "run `ttsctl verify` again when Redis is back",
    cause: error,
  });
}

/** A wrong zone shows in every score; nothing is changed, so that it is said and no more. */
async function warnOfTimezone({ mirror, reporter }: VerifyParts): Promise<void> {
  try {
    await checkTimezone(mirror);
  } catch (error) {
    if (!(error instanceof TtsctlError) || error.code !== "TIMEZONE_MISMATCH") throw error;
    reporter.warn(`${error.message}: ${error.hint}`);
  }
}

/** In the order of SPEC section 5. */
function resultOf({ drift, invalid }: Comparison, repaired: number): VerifyResult {
  const { inSync, size, counts } = drift;
  const { partial, dangling, onlyInFile, onlyInRedis, stale, newerInRedis, differs } = counts;
  const { unindexed, wrongScore, misplaced } = counts;
  return {
    ...{ checked: inSync + size, inSync, onlyInFile, onlyInRedis, stale, newerInRedis, differs, dangling, unindexed },
    ...{ wrongScore, misplaced, partial, invalid, repaired },
  };
}
