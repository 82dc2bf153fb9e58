import { isRedisError, TtsctlError, throwIfInterrupted } from "../../errors.ts";
import { fingerprint } from "../../json/value.ts";
import { batches, fillIn, pool } from "../../pool.ts";
import { matchingRows } from "../../store/file/file-tasks.ts";
import { LATELY_S } from "../../store/file/last-writer.ts";
import type { CurrentFile } from "../../store/file/shared-snapshot.ts";
import type { RowWindow, Snapshot } from "../../store/file/snapshot.ts";
import { type RedisCopy, scoreOf, timeOf } from "../../store/layout/copy.ts";
import { BATCH, type Fitting } from "../../store/redis/copies.ts";
import { isFatal, isWrongType } from "../../store/redis/errors.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import { recordOf } from "../../store/redis/records.ts";
import { isUnsure, membersOf } from "../../store/redis/walk.ts";
import { fileWarnings } from "../../store/task-store.ts";
import type { Writable } from "../../store/writable.ts";
import { keyOf, type TaskId } from "../../task/ids.ts";
import { ofUser } from "../../task/query-fields.ts";
import type { Task } from "../../task/task.ts";
import { newer, newest } from "../../task/version.ts";
import type { Parts, RedisParts } from "../parts.ts";
import type { Cleared } from "../preflight.ts";
import { NamedWarnings } from "../reporter.ts";
import { describeShared } from "../shared-ids.ts";
import { FOREIGN, lostMidway } from "../sync.ts";
import { classify, Drift, type Kind, type Look } from "./drift.ts";

export type CompareParts = RedisParts<"file" | "clock" | "reporter" | "signal">;
type Asked = CompareParts & Pick<Cleared, "isOwed">;

const IN_FLIGHT = 2;

const INDEXES_AT_ONCE = 16;
const BROKEN_INDEX = "look at the key, remove it with redis-cli, then run `ttsctl verify --repair`";
/** How many suspects are read in one call: whole records come back. */
export const LOOK_BATCH = 200;
/** Time for a double write to end before the next look. */
const PATIENCE_MS = 250;
const MOST_LOOKS = 5;

/**
 * Two looks at both stores, of all tasks or of one user's. The first finds all that aren't clearly in sync.
 * @param reindexer sets index members that don't fit their task as soon as that counts as drift, so a repair needn't read it again
 */
export async function compare(
  parts: Asked,
  file: CurrentFile,
  userId: string | undefined,
  reindexer: Writable<Mirror> | null = null,
): Promise<Drift> {
  const { mirror, clock, reporter, signal } = parts;
  const snapshot = await file.snapshot();
  for (const line of fileWarnings(snapshot)) reporter.warn(line);
  const drift = new Drift(userId);
  drift.invalid = snapshot.invalid.count;
  const counts = { compared: 0, inSync: 0 };
  /** How many members of each user's index, and (undefined) of the global one, the file's tasks were seen to be. */
  const members = new Map<string | undefined, number>();
  const done = () => `${counts.compared} of ${snapshot.size} tasks were compared`;
  try {
    await lookAtAll();
    throwIfInterrupted(signal, done());
    await lookAgain();
    throwIfInterrupted(signal, done());
    const current = await file.snapshot();
    drift.end(current, counts.inSync);
    new NamedWarnings(reporter, "cannot be written to Redis").addAll(drift.withTrait("isForeign"), FOREIGN);
    new NamedWarnings(reporter, "cannot be repaired").addAll(drift.withTrait("isUnnamed"), UNNAMED);
    const shared = describeShared(current);
    if (shared !== null) reporter.warn(shared);
    return drift;
  } catch (error) {
    throw isRedisError(error) ? lostMidway(error, "verify", done()) : error;
  }

  /** Whether a service may be writing: the file has changed since it was read, or that, or one of the times, is a moment ago. */
  function isFresh({ identity }: Snapshot, ...times: readonly number[]): boolean {
    if (identity !== snapshot.identity) return true;
    return [Number(identity?.mtimeNs ?? 0) / 1e9, ...times].some((time) => Math.abs(clock.now() - time) < LATELY_S);
  }

  /** Notes a key or member of a task that the file lacks. */
  function note(id: TaskId, isUnsureKey = false): void {
    if (id.userId === (userId ?? id.userId) && !snapshot.holds(id)) drift.add(id, isUnsureKey);
  }

  /** Compares each record of the file with its copy, and looks for keys and index members of tasks that the file lacks. */
  async function lookAtAll(): Promise<void> {
    const users = new Set<string>();
    // One reads the disk and the other waits for Redis, so they run at once.
    const order = reindexer === null || isFresh(snapshot) ? "in file order" : "by time";
    const batchesOfFile = snapshot.pieces(matchingRows(snapshot, ofUser(userId)), BATCH, order);
    const comparing = pool(batchesOfFile, IN_FLIGHT, compareBatch, signal);
    const ends = await Promise.allSettled([comparing, walkKeys(users)]);
    for (const end of ends) if (end.status === "rejected") throw end.reason;
    await walkIndex(undefined);
    await pool(users, INDEXES_AT_ONCE, walkIndex, signal);
  }

  async function compareBatch({ rows, tasks: read }: RowWindow): Promise<void> {
    const tasks = await read(rows);
    const isStill = !isFresh(snapshot, ...tasks.map(({ score }) => score));
    const fits = await fitsOf(tasks, snapshot, isStill);
    for (const [i, task] of tasks.entries()) {
      const fitting = fits[i] ?? null;
      if (fitting?.inIndex) members.set(undefined, 1 + (members.get(undefined) ?? 0));
      if (fitting?.inUserIndex) members.set(task.userId, 1 + (members.get(task.userId) ?? 0));
      if (fitting?.fit === "inSync") counts.inSync++;
      else {
        const suspect = drift.add(task);
        if (fitting !== null) drift.see(suspect, lookOfSame(task, fitting));
      }
    }
    counts.compared += rows.length;
    reporter.progress("comparing", counts.compared, snapshot.size);
  }

  /** @param isDrift whether members that don't fit aren't what a service is about to write */
  async function fitsOf(tasks: readonly Task[], from: Snapshot, isDrift: boolean) {
    // A service that is deleting a task has changed the file first.
    const sets = reindexer !== null && isDrift && (await parts.file.isCurrent(from));
    return sets ? reindexer.reindex(tasks) : mirror.fits(tasks);
  }

  /** Every hash, indexed or not. @param users collects those whose index exists, also users that the file lacks */
  async function walkKeys(users: Set<string>): Promise<void> {
    for await (const step of mirror.walkKeys()) {
      for (const id of step.tasks) note(id, isUnsure(id.userId) || isUnsure(id.taskId));
      for (const user of step.users) users.add(user);
      const owners = await mirror.lookedUp(step.lookups);
      step.lookups.forEach((taskId, i) => void (owners[i] != null && note({ userId: owners[i], taskId })));
      if (signal.aborted) return;
    }
  }

  /** In another user's index, only members count that may be tasks of the one user. */
  function noteMember(member: TaskId, user: string | undefined): void {
    if (user === undefined || userId === undefined || user === userId) note(member);
    else if (snapshot.rowOf({ ...member, userId }) >= 0 && !snapshot.holds(member)) drift.add(member);
  }

  /** An index of only known members isn't walked. An unreadable index of a user is only reported. */
  async function walkIndex(user: string | undefined): Promise<void> {
    try {
      if ((await mirror.size(user)) === members.get(user)) return;
      for await (const flat of mirror.walkIndex(user)) {
        for (const member of membersOf(flat, user, mirror.layout)) noteMember(member, user);
        if (signal.aborted) return;
      }
    } catch (error) {
      if (!(error instanceof TtsctlError) || isFatal(error) || (user === undefined && !isWrongType(error))) throw error;
      const why = isWrongType(error) ? `isn't a sorted set: ${error.reply}` : `can't be read: ${error.message}`;
      const what = `${mirror.layout.indexKey(user)} ${why}`;
      if (user === undefined) throw new TtsctlError(error.code, what, { hint: BROKEN_INDEX, cause: error });
      drift.brokenUsers.add(user);
      reporter.warn(`${what}; ${BROKEN_INDEX}`);
    }
  }

  /**
   * Looks at both copies of each suspect whose kind isn't known. A recent change counts as drift only if two looks in a row saw the same: a
   * service writes one store after the other. A task that changes between all looks isn't drift.
   */
  async function lookAgain(): Promise<void> {
    let now = await file.snapshot();
    const isSeen = (suspect: number) => drift.timeSeen(suspect) !== undefined;
    let due = [...Array(drift.keys.size).keys()].filter((i) => !isSeen(i) || isFresh(now, drift.timeSeen(i)!));
    for (let look = 1; look <= MOST_LOOKS && due.length > 0; look++) {
      if (due.some(isSeen)) await clock.sleep(PATIENCE_MS);
      now = await file.snapshot();
      const open: number[] = [];
      let looked = 0;
      const lookAt = async (batch: readonly number[]) => {
        const ids = batch.map((suspect) => drift.keys.id(suspect));
        const records = await now.recordsOf(ids);
        const looks = await looksAt(now, batch, records);
        for (const [i, suspect] of batch.entries()) {
          const [id, record] = [ids[i]!, records[i]!];
          const { traits, ...seen } = looks[i]!;
          let { finding } = traits;
          if (traits.isUnnamed) finding = drift.unsure.has(suspect) ? "partial" : "dangling";
          if (record === null && now.holds(id)) finding = "absent"; // invalid records are counted apart
          if (finding === "inSync" && isSeen(suspect) && drift.traits(suspect).isReindexed) continue;
          const same = drift.see(suspect, { ...seen, traits: { ...traits, finding } });
          const mayChange = isFresh(now, record?.score ?? Number.NaN, seen.mirrorTime);
          if (mayChange && !same && finding !== "inSync" && finding !== "absent") open.push(suspect);
        }
        looked += batch.length;
        reporter.progress("rechecking", looked, drift.keys.size);
      };
      await pool(batches(due, LOOK_BATCH), IN_FLIGHT, lookAt, signal);
      if (signal.aborted) return;
      due = open;
    }
    for (const suspect of due) drift.clear(suspect);
  }

  /** Of suspects that were seen before, whole copies are read only if the hash isn't as the record. */
  async function looksAt(from: Snapshot, suspects: readonly number[], records: readonly (Task | null)[]) {
    const asked = [...suspects.keys()].filter((i) => drift.timeSeen(suspects[i]!) !== undefined && records[i] !== null);
    const isDrift = asked.every((i) => ["unindexed", "wrongScore"].includes(drift.traits(suspects[i]!).finding));
    const due = asked.map((i) => records[i]!);
    const fits = due.length === 0 ? [] : await fitsOf(due, from, isDrift);
    const fittingOf = new Map(asked.map((i, at) => [i, fits[at]!]));
    return fillIn<number, Look>(
      [...suspects.keys()],
      (i) => {
        const fitting = fittingOf.get(i) ?? null;
        return fitting === null ? undefined : lookOfSame(records[i]!, fitting);
      },
      async (left) => {
        const ids = left.map((i) => drift.keys.id(suspects[i]!));
        const copies = await mirror.fullCopies(ids);
        return left.map((i, at) => lookOf(ids[at]!, records[i]!, copies[at]!, parts));
      },
    );
  }
}

/** A look that showed a hash as the record. The scores that are due depend only on its time. */
function lookOfSame({ score }: Task, { fit, isSet }: Fitting): Look {
  const none = { mirrorIsNewer: false, isRecord: false, isForeign: false, isUnnamed: false, isOwed: false };
  const traits = { finding: fit, inFile: true, ...none, memberOnly: false, isReindexed: isSet };
  return { traits, mirrorTime: score, print: score };
}

function lookOf(
  id: TaskId,
  record: Task | null,
  copy: RedisCopy,
  { mirror, isOwed }: Pick<Asked, "mirror" | "isOwed">,
): Look {
  const finding = classify(record, copy, mirror);
  const memberOnly = finding === "dangling" && record === null && copy.indexScore === null && copy.userScore !== null;
  const mirrorTime = memberOnly ? scoreOf(copy.userScore)! : timeOf(copy, mirror);
  const mayBeRecord = copy.type === "hash" && (finding === "partial" || finding === "newerInRedis" || record === null);
  const traits = {
    finding,
    inFile: record !== null,
    mirrorIsNewer: record !== null && newer(mirrorTime, record.score),
    isRecord: mayBeRecord && recordOf(copy, id, mirror) !== null,
    isForeign: finding === "partial" && copy.type !== "hash",
    // A name that isn't UTF-8 was listed, but isn't there under the name that it is read as.
    isUnnamed: finding === "absent" && (isUnsure(id.userId) || isUnsure(id.taskId)),
    isOwed: (finding === "onlyInRedis" || finding === "newerInRedis") && isOwed(id, mirrorTime),
    memberOnly,
    isReindexed: false,
  };
  return { traits, mirrorTime, print: fingerprint(JSON.stringify([record?.json, copy])) };
}

const UNNAMED = "its name in Redis isn't UTF-8; docs/runbook.md shows how to remove it with redis-cli";

/** How many tasks of each store are compared, and how many in one call: whole records come back. */
const SAMPLE = 250;
const SAMPLE_BATCH = 25;
/** Seconds; a slow Redis gets fewer questions. */
const LONGEST_S = 5;

/** Compares random tasks of both stores as `verify` compares all, for at most some seconds, or until the signal. @throws TtsctlError REDIS_*, STORE_* */
export async function compareSample(
  { mirror, clock, signal, file }: RedisParts<"clock" | "file"> & Partial<Parts<"signal">>,
  snapshot: Snapshot,
) {
  const began = clock.monotonic();
  const inRedis = (await mirror.someIds(SAMPLE)).filter((id) => !snapshot.hasInvalid(id));
  const step = Math.max(1, Math.ceil(snapshot.size / SAMPLE));
  const first = Math.floor(Math.random() * step);
  const inFile = [...snapshot.liveRows()].filter((_, i) => i % step === first).map((row) => snapshot.idOf(row));
  const ids = new Map([...inFile, ...inRedis].map((id) => [keyOf(id), id]));
  const counts = new Map<Kind, number>();
  /** Tasks that changed lately and differ, with the print of the first look. */
  const late = new Map<TaskId, number>();
  let compared = 0;
  const lookAt = async (batch: readonly TaskId[], from: Snapshot) => {
    const [copies, records] = [await mirror.fullCopies(batch), await from.recordsOf(batch)];
    const latest = clock.now() - LATELY_S;
    for (const [i, id] of batch.entries()) {
      const look = lookOf(id, records[i]!, copies[i]!, { mirror, isOwed: () => false });
      const { finding } = look.traits;
      if (finding === "inSync" || finding === "absent") continue;
      const isLate = newest(records[i]?.score ?? Number.NaN, look.mirrorTime) > latest;
      if (!isLate || late.get(id) === look.print) counts.set(finding, (counts.get(finding) ?? 0) + 1);
      else late.set(id, look.print);
    }
  };
  for (const batch of batches(ids.values(), SAMPLE_BATCH)) {
    if (signal?.aborted || clock.monotonic() - began > LONGEST_S) break;
    await lookAt(batch, snapshot);
    compared += batch.length;
  }
  if (late.size === 0) return { compared, counts };
  await clock.sleep(PATIENCE_MS, signal);
  await using now = await file.read();
  for (const batch of batches([...late.keys()], SAMPLE_BATCH)) await lookAt(batch, now);
  return { compared, counts };
}
