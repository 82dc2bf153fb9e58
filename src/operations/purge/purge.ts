import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { isRedisError, TtsctlError } from "../../errors.ts";
import { batches } from "../../pool.ts";
import { Changes, NO_PUTS } from "../../store/file/changes.ts";
import { checkRewrite } from "../../store/file/replace.ts";
import { STATUS_CODES } from "../../store/file/rows.ts";
import { CurrentFile } from "../../store/file/shared-snapshot.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { KeySet } from "../../store/key-table.ts";
import { causeOf, isOutage } from "../../store/mirror-link.ts";
import { BATCH } from "../../store/redis/copies.ts";
import { keyOf, type TaskId } from "../../task/ids.ts";
import { NO_FILTER, type TaskFilter } from "../../task/query-fields.ts";
import { saysDeleted } from "../../task/task.ts";
import { type BackupFile, ENDS_ITSELF } from "../backup.ts";
import { PlanSummary } from "../brake.ts";
import { fileCopies, isAhead, type Looked, mirrorCopy, newestCopy, viewFor } from "../copies.ts";
import type { DiskUse } from "../disk-use.ts";
import { announced } from "../ledger.ts";
import { usersWithRecords } from "../owners.ts";
import type { Parts } from "../parts.ts";
import type { Cleared } from "../preflight.ts";
import type { PurgedTask } from "../reporter.ts";
import { chosenIds, type Survey } from "../survey.ts";
import { type Freed, purgeArtifacts } from "./purge-artifacts.ts";
import { PurgeMirror } from "./purge-mirror.ts";
import type { Decision, Reason } from "./rules.ts";
import { Tally, type TallyRules } from "./tally.ts";

interface PurgeParts extends Parts<"artifacts" | "reporter" | "signal" | "ledger">, Pick<Cleared, "file"> {
  readonly mirror: Cleared["use"];
  readonly backup: BackupFile | null;
  readonly sizes?: DiskUse | undefined;
}

export interface PurgePolicy extends TallyRules {
  /** Epoch seconds; one for the whole pass. */
  readonly now: number;
  /** Empty directories that last changed before this are removed too, epoch seconds. */
  readonly sweepBefore: number;
  readonly doing: "cleaning up" | "deleting";
  /** Which records of the file, by their status, the progress counts; undefined for all. */
  isCounted?(status: string): boolean;
  /** By which tasks were chosen; its records are read for the decision too. */
  readonly filter?: TaskFilter;
  decide(task: Looked): Decision;
}

interface Chosen extends Looked {
  readonly reason: Reason;
}

interface Removed extends Chosen, Freed {}

/**
 * Purges tasks by docs/contract.md, Cleanup. A batch: backup, Redis, directory, logs; the pass: one conditional rewrite of the file. A task
 * that a step keeps is put back into Redis. After a stop, the next pass finds the record in the file and finishes.
 * @param base the content that was surveyed, and that every decision is made on: a task whose record differs later is kept
 */
export function purgeOf(parts: PurgeParts, policy: PurgePolicy, base: Snapshot, survey: Survey) {
  const tally = new Tally(parts.reporter, policy);
  const fileNow = new CurrentFile(parts.file);
  const { filter = NO_FILTER } = policy;
  const inMirror = new PurgeMirror(parts.mirror, parts.reporter, viewFor(filter));
  const onDisk = purgeArtifacts({ ...parts, ...policy, base, survey, tally });
  const ended: Ended[] = [];
  let mirrorLost: TtsctlError | null = null;
  /** If a second copy of the file fits only after the purge: the bytes that its artifacts still take. */
  let leftToFree: number | null = null;
  return { tally, plan, check, run };

  /** The plan of a run, for the brake and the question. Changes nothing. */
  async function plan(): Promise<PlanSummary> {
    const planned = new PlanSummary();
    const refuse = () => void planned.refused++;
    for await (const { id, copies } of plannedTasks(refuse)) planned.add(id, newestCopy(copies)?.status ?? "dangling");
    return planned;
  }

  async function* plannedTasks(onKept = () => {}): AsyncGenerator<Looked> {
    for (const ids of idBatches()) {
      for (const task of await look(ids, () => {})) {
        const decision = policy.decide(task);
        if (decision.kind === "purge") yield task;
        else if (decision.kind === "keep" && decision.candidate) onKept();
      }
    }
  }

  /** Checks that the file can be rewritten, before anything is removed. @throws TtsctlError STORE_WRITE_FAILED */
  async function check(): Promise<void> {
    const { rows, others } = survey;
    // Of some tasks in the file only the copy in Redis was chosen.
    const isInFile = rows.length > 0 || [...others.ids()].some((id) => base.holds(id));
    if (!isInFile) return;
    // How much room the records of planned tasks take in the file, and their artifacts on its disk.
    const freeable = async () => {
      const { dev } = await stat(dirname(await parts.file.target()), { bigint: true });
      let room = 0;
      const isSameDisk = parts.artifacts.device === dev;
      if (isSameDisk) await onDisk.open();
      for await (const { id } of plannedTasks()) {
        const row = base.rowOf(id);
        if (row >= 0) room += base.rows.end(row) - base.rows.start(row);
        if (isSameDisk) room += onDisk.roomOf(id);
      }
      leftToFree = room;
      return room;
    };
    await checkRewrite(parts.file, freeable, policy.dryRun);
  }

  /** Completes what it began if it is stopped. Returns what stopped it halfway, or why Redis was lost. @throws TtsctlError before any removal */
  async function run(): Promise<TtsctlError | null> {
    await onDisk.open();
    try {
      await runBatches().finally(() => finish());
      return mirrorLost;
    } catch (error) {
      const { counts, half } = tally;
      if (!(error instanceof TtsctlError) || isRedisError(error) || counts.purged + half === 0) throw error;
      return error;
    }
  }

  async function runBatches(): Promise<void> {
    const isCounted = (id: TaskId) => {
      const row = base.rowOf(id);
      return row < 0 || (policy.isCounted?.(STATUS_CODES[base.rows.status(row)]!) ?? true);
    };
    let [total, done, shown] = [0, 0, 0];
    for (const id of chosenIds(base, survey)) if (isCounted(id)) total++;
    for (const ids of idBatches()) {
      const inRows = done < survey.rows.length;
      shown += ids.filter(isCounted).length;
      done += ids.length;
      if (parts.signal.aborted) {
        tally.unreached += inRows ? ids.length : ids.filter((id) => !base.holds(id)).length;
        continue;
      }
      await purgeBatch(ids);
      await tally.flush();
      if (leftToFree !== null && !policy.dryRun) await checkRewrite(parts.file, async () => leftToFree ?? 0);
      if (total > 0) parts.reporter.progress(policy.dryRun ? "checking" : policy.doing, shown, total);
    }
  }

  /** Redis-only tasks apart: if Redis is lost while they are read, tasks of the file needn't fail. */
  function* idBatches(): Generator<TaskId[]> {
    for (const rows of batches(survey.rows, BATCH)) yield rows.map((row) => base.idOf(row));
    yield* batches(survey.others.ids(), BATCH);
  }

  async function purgeBatch(ids: readonly TaskId[]): Promise<void> {
    const chosen: Chosen[] = [];
    for (const task of await look(ids, failUnread)) {
      const decision = policy.decide(task);
      if (decision.kind === "gone") tally.gone.push(task.id);
      else if (decision.kind === "purge") chosen.push({ ...task, reason: decision.reason });
      else if (decision.candidate) tally.keep(task.id, decision.reason, decision.unfinished);
    }
    if (policy.dryRun) {
      for (const task of await removeArtifacts(chosen)) tally.purge(purgedOf(task));
      return;
    }
    const saved = await backUp(chosen);
    const entries = parts.ledger === null ? [] : saved.map(({ id, reason }) => ({ ...id, reason }));
    await announced(parts.ledger, "purge", entries, (done) => removeSaved(saved, done));
  }

  /** A task whose copy can't be read counts if its record is one to purge, or only Redis has it. */
  function failUnread(id: TaskId, file: Looked["copies"]["file"], cause: TtsctlError): void {
    const decision = file === null ? null : policy.decide({ id, copies: { file, mirror: null }, redis: null });
    if (decision === null || decision.kind === "purge") tally.fail(id, cause);
    else if (decision.kind === "keep" && decision.candidate) tally.keep(id, decision.reason, decision.unfinished);
  }

  /** @param end called with each task of which at most the record is left */
  async function removeSaved(saved: readonly Chosen[], end: (id: TaskId) => void): Promise<void> {
    const still = await lookAgain(saved);
    const outOfMirror = await removeFromMirror(still.filter(({ copies }) => copies.file !== null));
    for (const task of await removeArtifacts(outOfMirror)) {
      const { id, reason, redis, files, bytes } = task;
      const row = base.rowOf(id);
      ended.push({ row, reason, redis: redis?.type === "hash", files, bytes });
      end(id);
    }
    const onlyInRedis = await asSeen(still.filter(({ copies }) => copies.file === null));
    for (const task of await removeFromMirror(await removeArtifacts(onlyInRedis))) {
      tally.purge(purgedOf(task));
      end(task.id);
    }
  }

  async function look(ids: readonly TaskId[], fail: typeof failUnread) {
    const found = await inMirror.copies(ids);
    const inFile = await fileCopies(base, ids, filter);
    const looked: Looked[] = [];
    ids.forEach((id, i) => {
      const file = inFile[i]!;
      // If Redis can't be reached, its copy is left out; an error says nothing of the copy.
      const { lost } = inMirror;
      const isLeftOut = file !== null && lost !== null && isOutage(lost);
      const redis = found[i] ?? (isLeftOut ? null : lost);
      if (redis instanceof TtsctlError) fail(id, file, redis);
      else {
        const mirror = redis && mirrorCopy(redis, inMirror.reading!, filter, id);
        looked.push({ id, copies: { file, mirror }, redis });
      }
    });
    return looked;
  }

  /** Returns the tasks whose records are in the backup, on the disk; the others are kept. */
  async function backUp(chosen: Chosen[]): Promise<Chosen[]> {
    const { backup } = parts;
    if (backup === null) return chosen;
    const inRedis = chosen.filter((task) => task.copies.file === null || isAhead(task));
    const copies = await inMirror.read(idsOf(inRedis), base);
    const inFile = await base.recordsOf(idsOf(chosen));
    const records = [...inFile, ...copies].filter((task) => task != null); // of one task the last counts
    const unread = inRedis.filter((task, i) => copies[i] === undefined && task.copies.mirror !== "dangling");
    const unsaved = new Map(unread.map(({ id }) => [keyOf(id), UNREAD]));
    for (const task of records) if (saysDeleted(task.json)) unsaved.set(keyOf(task), ENDS_ITSELF);
    await backup.append(records.filter((task) => !unsaved.has(keyOf(task))));
    return chosen.filter(({ id }) => {
      const reason = unsaved.get(keyOf(id));
      if (reason !== undefined) tally.fail(id, reason);
      return reason === undefined;
    });
  }

  /** If the file changed since it was read, returns only the tasks that are unchanged there. */
  async function lookAgain(chosen: readonly Chosen[]): Promise<readonly Chosen[]> {
    if (await parts.file.isCurrent(base)) return chosen;
    const current = await fileNow.snapshot();
    await onDisk.addChanged(current);
    const keys = chosen.filter(({ id }) => base.holds(id)).map(({ id }) => base.keyOf(id));
    const { removed } = await new Changes(base, { removed: new Set(keys), puts: NO_PUTS }).dueIn(current);
    return chosen.filter(({ id, copies }) => {
      const same = copies.file === null ? !current.holds(id) : removed.has(current.keyOf(id));
      if (!same) tally.keep(id, CHANGED);
      return same;
    });
  }

  /** The Redis-only tasks that are unchanged: their artifacts are removed before their copies. */
  async function asSeen(tasks: readonly Chosen[]): Promise<readonly Chosen[]> {
    if (tasks.length === 0 || !onDisk.mayBeThere()) return tasks;
    const now = await inMirror.copies(idsOf(tasks));
    return tasks.filter(({ id, redis }, i) => {
      const copy = now[i];
      if (copy === undefined || copy instanceof TtsctlError) tally.fail(id, copy ?? LOST);
      else if (!isDeepStrictEqual(copy, redis)) tally.keep(id, CHANGED_IN_REDIS);
      else return true;
      return false;
    });
  }

  /** The conditional delete. Returns the tasks that Redis no longer has. */
  async function removeFromMirror<T extends Looked>(tasks: readonly T[]): Promise<T[]> {
    if (tasks.length === 0) return [];
    await inMirror.remember(idsOf(tasks.filter(isAhead)), base);
    if (!inMirror.isThere) {
      // Tasks with a copy in a Redis that is lost since wait for the next pass.
      for (const { redis, id } of tasks) if (redis !== null) tally.fail(id, causeOf(inMirror.lost!, LOST));
      return tasks.filter(({ redis }) => redis === null);
    }
    const outcomes = await inMirror.remove(tasks.map(({ id, redis }) => ({ id, seen: redis! })));
    return tasks.filter(({ id }, i) => {
      const outcome = outcomes?.[i];
      if (outcome === undefined) tally.fail(id, causeOf(inMirror.lost!, UNKNOWN));
      else if (outcome instanceof TtsctlError) tally.fail(id, outcome);
      else if (!outcome) tally.keep(id, CHANGED_IN_REDIS);
      return outcome === true;
    });
  }

  /** Removes directories and logs, or in a dry run measures them. Tasks that they keep are put back into Redis. */
  async function removeArtifacts(tasks: readonly Chosen[]): Promise<Removed[]> {
    const { dryRun } = policy;
    if (!tasks.some(({ id }) => onDisk.concerns(id))) return tasks.map((task) => ({ ...task, files: 0, bytes: 0 }));
    const still = new Set(dryRun ? tasks : await lookAgain(tasks));
    const removed: Removed[] = [];
    const stay = idsOf(tasks.filter((task) => !still.has(task)));
    for (const task of still) {
      const freed = onDisk.remove(task.id);
      if (freed === undefined) stay.push(task.id);
      else removed.push({ ...task, files: freed.files, bytes: freed.bytes });
      if (leftToFree !== null) leftToFree -= freed?.room ?? 0;
      await parts.artifacts.turn();
    }
    if (!dryRun) await inMirror.writeBack(fileNow, stay);
    return removed;
  }

  async function finish(): Promise<void> {
    try {
      await rewrite();
      const { dryRun, now, sweepBefore: before } = policy;
      const withRecords = (users: readonly string[]) => usersWithRecords(() => fileNow.snapshot(), users);
      if (!dryRun) await parts.artifacts.sweep({ before, now, withRecords });
    } finally {
      await fileNow.close();
      await tally.end();
      mirrorLost = await inMirror.end();
      onDisk.end();
    }
  }

  /** Reports the tasks that the rewrite took out or, if it fails, those that have lost all but their record. */
  async function rewrite(): Promise<void> {
    if (ended.length === 0) return;
    await fileNow.close(); // the rewrite reads the file again
    const { rows } = base;
    const keys = ended.map(({ row }) => rows.key(row));
    const changes = new Changes(base, { removed: KeySet.from(keys, rows.keys.size), puts: NO_PUTS });
    const outcome = await parts.file
      .apply(changes, { owes: parts.mirror.lost !== null })
      .catch((error: unknown) => ({ changed: [], returned: [], error }));
    const isHalf = "error" in outcome;
    tally.bringBack(outcome.returned);
    await parts.ledger?.returned(outcome.returned);
    const stay = new Set(outcome.changed.map(keyOf));
    for (const [i, { row, reason, redis, files, bytes }] of ended.entries()) {
      const { userId, taskId } = base.idOf(row); // not spread: there may be a million
      if (stay.size > 0 && stay.has(keyOf({ userId, taskId })))
        tally.keep({ userId, taskId }, "its record changed before the file was rewritten");
      else tally.purge({ userId, taskId, reason, local: !isHalf, redis, files, bytes }, isHalf);
      if (i % BATCH === 0) await tally.flush();
    }
    if (isHalf) throw outcome.error;
    await parts.ledger?.stayed(outcome.changed);
    await inMirror.writeBack(fileNow, outcome.changed);
  }
}

/** A task of which only the record is left. */
interface Ended extends Omit<PurgedTask, "local" | keyof TaskId> {
  readonly row: number;
}

function purgedOf({ id: { userId, taskId }, copies, redis, reason, files, bytes }: Removed): PurgedTask {
  return { userId, taskId, reason, local: copies.file !== null, redis: redis?.type === "hash", files, bytes };
}

function idsOf(tasks: readonly Looked[]): TaskId[] {
  return tasks.map(({ id }) => id);
}

const CHANGED = "it changed during the check";
const CHANGED_IN_REDIS = "its copy in Redis changed during the check";
const LOST = "the connection to Redis was lost before its copy there was removed";
const UNKNOWN = "Redis did not answer, so whether its copy there was removed is unknown";
const UNREAD = "its record in Redis could not be read for the backup";
