import { TtsctlError } from "../../errors.ts";
import { CurrentFile } from "../../store/file/shared-snapshot.ts";
import { OWED } from "../../store/mirror-link.ts";
import { isWrongType } from "../../store/redis/errors.ts";
import { LEAST_STRANGE } from "../../store/written-copies.ts";
import { checkBrake, type MaxDelete } from "../brake.ts";
import type { Parts } from "../parts.ts";
import { bothOf, preflight } from "../preflight.ts";
import { checkFileLayout, checkLayout, checkTimezone, storeEmpty, storeMismatch } from "../safety.ts";
import { beginMark } from "../sync-mark.ts";
import type { RepairPolicy } from "./classify.ts";
import { type CompareParts, compare } from "./compare.ts";
import type { Drift } from "./drift.ts";
import { planRepairs, repair } from "./repair.ts";

export interface RepairOptions extends Omit<RepairPolicy, "removeMembers"> {
  readonly userId?: string;
  readonly dryRun: boolean;
  readonly maxDelete?: MaxDelete | undefined;
  readonly allowEmpty: boolean;
  readonly allowMismatch?: boolean;
}

interface VerifyRepairParts extends CompareParts, Parts<"rules" | "ledger"> {
  /** Asks before tasks are deleted; throws if declined. */
  confirm(count: number): Promise<void>;
}

export type VerifyOutcome = ReturnType<typeof outcomeOf>;

/** Compares the store file and Redis, record by record and member by member, and changes nothing. @throws TtsctlError STORE_*, REDIS_* */
export async function verify(parts: CompareParts, { userId }: Pick<RepairOptions, "userId">) {
  await using file = new CurrentFile(parts.file);
  await warnOfMisreading(parts, file);
  if (await parts.file.owed.isThere()) parts.reporter.warn(OWED);
  const holder = await parts.file.holderOf("run");
  if (holder !== null)
    parts.reporter.warn(`${holder} is changing tasks: what it has changed in one store only counts as drift`);
  return outcomeOf(await compare(parts, file, userId), 0);
}

/**
 * Compares and repairs (docs/contract.md, Commands). In a dry run, `repaired` counts the plan; otherwise the caller holds the run lock.
 * @throws TtsctlError as verify; *_MISMATCH, STORE_EMPTY and MAX_DELETE_EXCEEDED before anything is changed
 */
export async function verifyAndRepair(parts: VerifyRepairParts, options: RepairOptions) {
  const isFull = options.userId === undefined && !options.dryRun;
  await using file = new CurrentFile(parts.file);
  const { prune, restore, allowMismatch, dryRun } = options;
  const asked = { snapshot: await file.snapshot(), allowEmpty: restore || options.allowEmpty, allowMismatch, dryRun };
  const cleared = bothOf(await preflight(parts, "repair", { ...asked, least: prune ? 0 : LEAST_STRANGE }));
  const leaveMark = isFull ? await beginMark(parts.mirror, parts.clock) : null;
  // A ledger is told before a change, and a prune may be refused.
  const reindexer = dryRun || prune || parts.ledger !== null ? null : cleared.mirror;
  const drift = await compare(parts, file, options.userId, reindexer);
  const snapshot = await file.snapshot();
  const isEmpty = snapshot.size === 0 && !options.allowEmpty;
  if (prune && isEmpty) throw storeEmpty(snapshot, ": nothing was pruned, and nothing was repaired");
  const plan = planRepairs(drift, { prune, restore, removeMembers: !isEmpty || restore });
  if (isEmpty && !restore && drift.counts.dangling > 0) {
    parts.reporter.warn(`index members without a task are kept: ${storeEmpty(snapshot, "").message}`);
  }
  const pruned = plan.due("prune").length;
  checkBrake(pruned, drift.mirrored, options.maxDelete);
  if (options.dryRun) return outcomeOf(drift, plan.size);
  if (pruned > 0) await parts.confirm(pruned);
  return outcomeOf(drift, await repair({ ...parts, ...cleared }, drift, plan, file, leaveMark));
}

const MISREAD: ReadonlySet<string> = new Set(["LAYOUT_MISMATCH", "TIMEZONE_MISMATCH", "STORE_MISMATCH"]);

/** With a wrong layout, zone or Redis every task differs. A comparison changes nothing, so this is only a warning. */
async function warnOfMisreading({ mirror, reporter }: CompareParts, file: CurrentFile): Promise<void> {
  try {
    await checkLayout(mirror);
    await checkTimezone(mirror);
    await checkFileLayout(await file.snapshot(), mirror);
    const mismatch = await storeMismatch(await file.snapshot(), mirror);
    if (mismatch !== null) throw mismatch;
  } catch (error) {
    if (isWrongType(error)) return; // the comparison names the key
    if (!(error instanceof TtsctlError) || !MISREAD.has(error.code)) throw error;
    reporter.warn(`${error.message}: ${error.hint}`);
  }
}

function outcomeOf(drift: Drift, repaired: number) {
  const { inSync, size, counts, invalid } = drift;
  const { partial, dangling, unindexed, wrongScore, misplaced, ...copies } = counts;
  const places = { dangling, unindexed, wrongScore, misplaced, partial };
  /** `verify -o json`, in the order of docs/contract.md, Counts: checked = inSync and all kinds. */
  const result = { checked: inSync + size, inSync, ...copies, ...places, invalid, repaired };
  return { result, drift };
}
