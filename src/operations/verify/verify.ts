import { TtsctlError } from "../../errors.ts";
import type { FileStore } from "../../store/file/file-store.ts";
import { CurrentFile } from "../../store/file/shared-snapshot.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { isWrongType } from "../../store/redis/errors.ts";
import { checkBrake, type MaxDelete } from "../brake.ts";
import { checkFileLayout } from "../layout-check.ts";
import { checkReading, storeEmpty } from "../safety.ts";
import { describeShared } from "../shared-ids.ts";
import { SyncMark } from "../sync-mark.ts";
import { type CompareParts, type Comparison, compare, resultOf } from "./compare.ts";
import type { Drift } from "./drift.ts";
import type { VerifyResult } from "./kinds.ts";
import { Repair, type RepairParts } from "./repair.ts";
import { RepairPlan } from "./repair-plan.ts";

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

export interface VerifyParts extends CompareParts {
  readonly file: FileStore;
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
    await warnOfMisreading(parts, file);
    const comparison = await compare(parts, file, userId);
    await warnOfShared(parts, file);
    return { result: resultOf(comparison, 0), drift: comparison.drift };
  } finally {
    await file.close();
  }
}

/**
 * Compares and mends (SPEC section 5): `repaired` counts the tasks that were, or with a dry run would be. The caller
 * holds the run lock, unless it is a dry run.
 * @throws TtsctlError as verify; LAYOUT_MISMATCH, TIMEZONE_MISMATCH; STORE_EMPTY and MAX_DELETE_EXCEEDED before anything is changed
 */
export async function verifyAndRepair(parts: VerifyRepairParts, options: RepairOptions): Promise<VerifyOutcome> {
  const file = new CurrentFile(parts.file);
  const isFull = options.userId === undefined && !options.dryRun;
  try {
    await checkReading(parts.mirror);
    await checkFileLayout(await file.snapshot(), parts.mirror);
    const mark = isFull ? await SyncMark.begin(parts.mirror, parts.clock) : null;
    const comparison = await compare(parts, file, options.userId);
    await warnOfShared(parts, file);
    const { drift } = comparison;
    const plan = await planFor(parts, comparison, await file.snapshot(), options);
    if (options.dryRun) return { result: resultOf(comparison, plan.size), drift };
    const repair = new Repair(parts, drift, plan);
    await repair.run(file);
    if (repair.unwritten + comparison.foreign === 0) await mark?.leave("verify --repair", await file.snapshot());
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

async function warnOfShared({ reporter }: VerifyParts, file: CurrentFile): Promise<void> {
  const shared = describeShared(await file.snapshot());
  if (shared !== null) reporter.warn(shared);
}

const MISREAD: ReadonlySet<string> = new Set(["LAYOUT_MISMATCH", "TIMEZONE_MISMATCH"]);

/** A wrong layout or zone shows in every task; nothing is changed, so that it is said and no more. */
async function warnOfMisreading({ mirror, reporter }: VerifyParts, file: CurrentFile): Promise<void> {
  try {
    await checkReading(mirror);
    await checkFileLayout(await file.snapshot(), mirror);
  } catch (error) {
    if (isWrongType(error)) return; // the comparison names the key
    if (!(error instanceof TtsctlError) || !MISREAD.has(error.code)) throw error;
    reporter.warn(`${error.message}: ${error.hint}`);
  }
}
