import { TtsctlError, throwIfInterrupted } from "../../errors.ts";
import { batches, groupedBy, IN_FLIGHT, pool } from "../../pool.ts";
import { CurrentFile } from "../../store/file/shared-snapshot.ts";
import type { RowWindow, Snapshot } from "../../store/file/snapshot.ts";
import { copyOf } from "../../store/layout/copy.ts";
import { drainOwed } from "../../store/mirror-writer.ts";
import { BATCH } from "../../store/redis/copies.ts";
import { isWrongType } from "../../store/redis/errors.ts";
import { LEAST_STRANGE } from "../../store/redis/mirror.ts";
import { recordOf } from "../../store/redis/records.ts";
import { writeToMirror } from "../../store/redis/write.ts";
import { lackText } from "../../store/task-store.ts";
import { WrittenCopies } from "../../store/written-copies.ts";
import { counted } from "../../task/amounts.ts";
import { keyOf, type TaskId } from "../../task/ids.ts";
import type { Task } from "../../task/task.ts";
import { mergeIntoFile, planMerge } from "../merge/merge.ts";
import { spooled } from "../merge/spool.ts";
import type { Parts } from "../parts.ts";
import { bothOf, preflight } from "../preflight.ts";
import { NamedWarnings, RETURNED } from "../reporter.ts";
import { checkPrune } from "../safety.ts";
import { beginMark, type Orphans, pruneOrphans, type SyncOptions, type SyncParts } from "../sync.ts";
import { type CompareParts, compare, LOOK_BATCH } from "./compare.ts";
import { type Action, type Drift, KINDS, planRepair, type RepairPolicy } from "./drift.ts";

export interface RepairOptions extends Omit<SyncOptions, "checksum">, Omit<RepairPolicy, "removeMembers" | "settle"> {}

type RepairParts = SyncParts & Parts<"rules">;

export type VerifyOutcome = ReturnType<typeof outcomeOf>;

/** Compares the store file and Redis, record by record and member by member, and changes nothing. @throws TtsctlError STORE_*, REDIS_* */
export async function verify(parts: CompareParts, { userId }: Pick<RepairOptions, "userId">) {
  await using file = new CurrentFile(parts.file);
  const { isOwed, isMisread } = await warnOfMisreading(parts, file);
  const holder = await parts.file.holderOf("run");
  if (holder !== null)
    parts.reporter.warn(`${holder} is changing tasks: what it has changed in one store only counts as drift`);
  return outcomeOf(await compare({ ...parts, isOwed }, file, userId), 0, isMisread);
}

/**
 * Compares and repairs (docs/contract.md, Commands). In a dry run, `repaired` counts the plan; otherwise the caller holds the run lock.
 * @throws TtsctlError as verify; *_MISMATCH, STORE_EMPTY and MAX_DELETE_EXCEEDED before anything is changed
 */
export async function verifyAndRepair(parts: RepairParts, options: RepairOptions) {
  const { prune, restore, allowMismatch, dryRun, userId } = options;
  const isFull = userId === undefined && !dryRun;
  await using file = new CurrentFile(parts.file);
  const asked = { snapshot: await file.snapshot(), allowEmpty: restore || options.allowEmpty, allowMismatch, dryRun };
  const cleared = bothOf(await preflight(parts, "repair", { ...asked, least: prune ? 0 : LEAST_STRANGE }));
  const leaveMark = isFull ? await beginMark(parts.mirror, parts.clock) : null;
  // The ledger gets an entry before a change, and a prune may be refused.
  const reindexer = dryRun || prune || parts.ledger !== null ? null : cleared.mirror;
  const drift = await compare({ ...parts, isOwed: cleared.isOwed }, file, userId, reindexer);
  const snapshot = await file.snapshot();
  const isEmpty = snapshot.size === 0 && !options.allowEmpty;
  const settle = snapshot.size > 0 || restore;
  const plan = planRepairs(drift, { prune, restore, removeMembers: !isEmpty || restore, settle });
  if (isEmpty && !restore && drift.counts.dangling > 0) {
    parts.reporter.warn(`index members without a task are kept: ${lackText(snapshot)}`);
  }
  const pruned = plan.due("prune").length;
  if (prune) checkPrune(snapshot, pruned, drift.mirrored, options);
  if (dryRun) return outcomeOf(drift, plan.size);
  if (pruned > 0) await parts.confirm(pruned);
  return outcomeOf(drift, await repair({ ...parts, ...cleared }, drift, plan, file, leaveMark));
}

const MISREAD: ReadonlySet<string> = new Set(["LAYOUT_MISMATCH", "TIMEZONE_MISMATCH", "STORE_MISMATCH"]);

/** With a wrong layout, zone or Redis every task differs. A comparison changes nothing, so this is only a warning; a repair refuses. */
async function warnOfMisreading(parts: CompareParts, file: CurrentFile) {
  try {
    const asked = { snapshot: await file.snapshot(), allowEmpty: true, dryRun: true };
    return { ...(await preflight(parts, "repair", asked)), isMisread: false };
  } catch (error) {
    const isMisread = error instanceof TtsctlError && MISREAD.has(error.code);
    if (isMisread) parts.reporter.warn(`${error.message}: ${error.hint}`);
    else if (!isWrongType(error)) throw error; // the comparison names the key
    return { isOwed: () => false, isMisread };
  }
}

function outcomeOf(drift: Drift, repaired: number, isMisread = false) {
  const { inSync, size, counts, invalid } = drift;
  /** `verify -o json` (docs/contract.md, Counts): checked = inSync and all kinds. */
  return { result: { checked: inSync + size, inSync, ...counts, invalid, repaired }, drift, isMisread };
}

/** What is due to each suspect, and how many tasks are repaired if nothing fails. */
function planRepairs(drift: Drift, policy: RepairPolicy) {
  const isStuck = (suspect: number) => drift.brokenUsers.has(drift.keys.userId(suspect));
  const byAction = groupedBy(drift.suspectsOf(...KINDS), (suspect): Action | "done" => {
    const traits = drift.traits(suspect);
    return traits.isReindexed ? "done" : isStuck(suspect) ? "keep" : planRepair(traits, policy);
  });
  const due = (action: Action | "done") => byAction.get(action) ?? [];
  const size = drift.size - due("keep").length - (policy.removeMembers ? 0 : drift.counts.misplaced);
  return { policy, due, size };
}

/** What is written to Redis, in this order. */
const WRITES = ["write", "reindex", "overwrite", "bringBack", "restore"] as const;

const UNTAKEABLE = "its copy in Redis can't go into the store file: it isn't a valid record";

/**
 * First Redis's records go into the file, then Redis gets what the file has; last, what neither should have is removed. If every task could be
 * written, the mark of a full sync is left. Returns how many were repaired. @throws STORE_*, REDIS_*, SPOOL_FAILED, AUDIT_FAILED, INTERRUPTED
 */
async function repair(
  parts: RepairParts & ReturnType<typeof bothOf>,
  drift: Drift,
  { due, policy, size }: ReturnType<typeof planRepairs>,
  current: CurrentFile,
  leaveMark: Awaited<ReturnType<typeof beginMark>> | null,
): Promise<number> {
  const { file, mirror, rules, ledger, reporter, signal } = parts;
  const failures = new NamedWarnings(reporter, "was not repaired");
  const written = new WrittenCopies();
  let [intoFileCount, repaired, unwritten] = [0, due("done").length, 0];
  const check = () => throwIfInterrupted(signal, `${repaired} of ${size} tasks were repaired`);
  const idsOf = (suspects: readonly number[]) => suspects.map((suspect) => drift.keys.id(suspect));
  const announce = async (ids: readonly TaskId[]) => {
    const entryOf = ({ userId, taskId }: TaskId) => {
      return { userId, taskId, reason: drift.traits(drift.keys.find(userId, taskId)).finding };
    };
    await ledger?.announce("repair", ids.map(entryOf));
  };
  try {
    await intoFile(await current.snapshot());
    const snapshot = await current.snapshot();
    for (const action of WRITES) await writeAll(snapshot, action);
    check();
    const returned = await written.follow(mirror, current);
    for (const id of returned) failures.add(id, RETURNED);
    await ledger?.returned(returned);
    repaired -= returned.length;
    for (const suspect of due("keep")) {
      const { finding, isRecord } = drift.traits(suspect);
      const isWanted = finding === "newerInRedis" || (finding === "onlyInRedis" && policy.restore);
      if (isWanted && !isRecord) failures.add(drift.keys.id(suspect), UNTAKEABLE);
    }
    failures.end();
    const { length: owed } = due("settle");
    if (owed > 0) repaired += Math.min(owed, await drainOwed(parts, mirror)); // the file shows them by now
    await remove("removeMember", { action: "repair", reason: "dangling", membersOnly: true });
    if (policy.removeMembers) await removeStrays();
    await remove("prune", { action: "prune", reason: "orphan" });
    unwritten += drift.withTrait("isForeign").length + drift.brokenUsers.size;
    if (unwritten === 0) await leaveMark?.("verify --repair", await current.snapshot());
    return repaired;
  } catch (error) {
    if (!(error instanceof TtsctlError) || intoFileCount === 0) throw error;
    const what = `${error.message}; copied from Redis to the file before that: ${counted(intoFileCount, "task")}`;
    const hint = "fix the cause, then run it again to finish";
    throw new TtsctlError(error.code, what, { hint, cause: error });
  }

  /** Through a temporary file: there may be a million. @param base read before: what the service deletes after that isn't put back */
  async function intoFile(base: Snapshot): Promise<void> {
    const suspects = [...due("bringBack"), ...due("restore")];
    if (suspects.length === 0) return;
    await using source = await spooled(file.path, rules, async (add) => {
      for (const batch of batches(suspects, LOOK_BATCH)) {
        check();
        const ids = idsOf(batch);
        await announce(ids);
        const ours = await base.recordsOf(ids);
        for (const [i, copy] of (await mirror.fullCopies(ids)).entries()) {
          // None if the file has lost the one that is to be replaced.
          const isWanted = !drift.traits(batch[i]!).inFile || base.holds(ids[i]!);
          const record = isWanted ? recordOf(copy, ids[i]!, mirror, ours[i]!) : null;
          if (record !== null) await add(record.json);
        }
      }
    });
    const plan = await planMerge(source, [...source.liveRows()], "newer", base, signal);
    await mergeIntoFile({ file, reporter, signal, ledger: null }, plan, base); // it was announced
    const { added, replaced } = plan.counts();
    intoFileCount = added + replaced;
  }

  async function writeAll(snapshot: Snapshot, action: Action): Promise<void> {
    const suspects = due(action);
    const isNews = action !== "bringBack" && action !== "restore"; // else it was announced
    /** Also over other content of the same time, and over fragments. */
    const over = action !== "write" && action !== "reindex";
    const { layout } = mirror;
    const unindexed = (task: Task) => copyOf([1, ...layout.valuesOf(task)], [], layout.fields, "full");
    const options = { written, overEqual: over, overPartial: over };
    const rowOf = (suspect: number) => snapshot.rowOf(drift.keys.id(suspect));
    const rows = suspects.map(rowOf).filter((row) => row >= 0);
    const gone = idsOf(suspects.filter((suspect) => rowOf(suspect) < 0));
    if (isNews) await announce(gone);
    for (const id of gone) failures.add(id, "the file no longer has it");
    await ledger?.stayed(gone);
    const writeBatch = async (batch: RowWindow) => {
      const tasks = await batch.tasks(batch.rows);
      if (isNews) await announce(tasks);
      // The hash was as the record. If it isn't by now, the guard refuses the write, and the copy is read.
      const seen = action === "reindex" ? { copies: tasks.map(unindexed) } : {};
      const outcomes = await writeToMirror(mirror, tasks, { ...options, ...seen });
      if (!isNews) tasks.forEach((task, i) => void (outcomes[i] === "unchanged" && written.note(task)));
      const newer = tasks.filter((_, i) => outcomes[i] === "newer");
      const stayed = tasks.filter((_, i) => outcomes[i] === "newer" || outcomes[i] instanceof TtsctlError);
      repaired += tasks.length - stayed.length;
      unwritten += stayed.length - newer.length;
      await ledger?.stayed(stayed);
      for (const task of newer) failures.add(task, "Redis has a newer record");
      failures.addErrors(outcomes, (i) => tasks[i]!);
      reporter.progress("repairing", repaired, size);
    };
    rows.sort((a, b) => a - b);
    await pool(snapshot.pieces(rows, BATCH, "by time"), IN_FLIGHT, writeBatch, signal);
  }

  async function remove(action: Action, how: Omit<Orphans, "ids" | "count">): Promise<void> {
    const ids = idsOf(due(action));
    repaired += (await pruneOrphans(parts, { ids, count: ids.length, ...how })).pruned;
    check();
  }

  /** Removes members of tasks from the indexes of other users. */
  async function removeStrays(): Promise<void> {
    const { keys, owners, counts } = drift;
    const misplaced = new Set<string>();
    const onStayed = ({ userId, taskId }: TaskId) => {
      const owner = owners.get(keys.find(userId, taskId))!;
      if (!drift.isDrifting(owner)) misplaced.add(keyOf(owner));
    };
    const how = { action: "repair", reason: "misplaced", membersOnly: true, onStayed } as const;
    await pruneOrphans(parts, { ids: idsOf([...owners.keys()]), count: counts.misplaced, ...how });
    check();
    repaired += counts.misplaced - misplaced.size;
  }
}
