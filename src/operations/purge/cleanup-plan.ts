import { TtsctlError } from "../../errors.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { KeyTable } from "../../store/key-table.ts";
import { scoreOf } from "../../store/layout/copy.ts";
import type { MirrorUse } from "../../store/mirror-link.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import type { TaskId } from "../../task/ids.ts";
import type { Version } from "../../task/version.ts";
import { type Copies, existing, fileCopyOf, type Looked, mirrorCopy } from "../copies.ts";
import { DiskUse } from "../disk-use.ts";
import { NOBODY } from "../owners.ts";
import type { Parts } from "../parts.ts";
import { chosenRows, indexMembers, survey } from "../survey.ts";
import {
  decideCleanup,
  type Evidence,
  isExpired,
  isFinished,
  type Limits,
  latestLimit,
  limitsOf,
  mayMakeRoom,
  NEVER,
  type RetentionPolicy,
} from "./rules.ts";

/** Empty directories that changed within this time are kept. Seconds. */
const FRESH_S = 3600;

export type CleanupPlan = Awaited<ReturnType<typeof planCleanup>>["plan"];

/** The tasks that a pass looks at, and its decision on each. Reads both stores, and for `max_bytes` the disk. @param now one for the pass */
export async function planCleanup(
  parts: Parts<"artifacts" | "reporter">,
  snapshot: Snapshot,
  use: MirrorUse,
  policy: RetentionPolicy,
  now: number,
) {
  const limits = limitsOf(policy, now);
  const isRanked = policy.keepLast > 0 || policy.maxBytes > 0;
  const tasks = isRanked ? await use.attempt((mirror) => readAll(snapshot, mirror, limits)) : null;
  const ranking = tasks === null ? null : await rankAll(parts, tasks, policy);

  function forSpace(task: number): number {
    return ranking?.forSpace.has(task) ? tasks!.time(task) : NEVER;
  }

  const evidence = ({ id, copies, redis }: Looked): Evidence => {
    const task = tasks?.indexOf(id) ?? -1;
    return {
      copies,
      indexScore: scoreOf(redis?.indexScore ?? null) ?? Number.NaN,
      limits,
      policy,
      newer: ranking?.newer[task] ?? -1,
      forSpace: forSpace(task),
      finishedBytes: ranking?.bytes ?? null,
    };
  };

  /** Candidates of both stores (docs/contract.md, Cleanup, steps 2 and 3), and tasks that make room. */
  const found = await use.attempt((mirror) => {
    const isShortOfRoom = (ranking?.forSpace.size ?? 0) > 0;
    const makesRoom = (id: TaskId) => isShortOfRoom && forSpace(tasks!.indexOf(id)) !== NEVER;
    const rows = chosenRows(snapshot, (row, copy) => isExpired(copy, limits) || makesRoom(snapshot.idOf(row)));
    // An interrupted pass has then purged the oldest, and neighbours in Redis and in `Logs/` are purged together.
    rows.sort((a, b) => snapshot.rows.score(a) - snapshot.rows.score(b));
    const limit = latestLimit(limits);
    if (!isShortOfRoom) return survey(snapshot, rows, mirror, () => true, { limit });
    return survey(snapshot, rows, mirror, (member) => member.score <= limit || makesRoom(member));
  });
  const [newestForSpace] = ranking?.forSpace ?? [];
  const newest = newestForSpace === undefined ? NEVER : forSpace(newestForSpace);
  /** Empty directories that last changed before this are removed, epoch seconds: also those of younger purged tasks. */
  const sweepBefore = Math.max(limits.member, Math.min(now - FRESH_S, Math.max(latestLimit(limits), newest)));
  return { plan: { ranking, sweepBefore, evidence, decide: (task: Looked) => decideCleanup(evidence(task)) }, found };
}

/** Tasks by number, as the ranking sees them. */
export type RankedTasks = Pick<AllTasks, "userId" | "isExpired" | "mayMakeRoom">;

async function rankAll(parts: Parts<"artifacts" | "reporter">, tasks: AllTasks, policy: RetentionPolicy) {
  const order = tasks.newestFirst();
  const sizes = policy.maxBytes > 0 ? await freedBy(parts, tasks, order) : new Map<number, number>();
  return rank(order, tasks, sizes, policy);
}

/** The outcome of `keep_last` and `max_bytes`, which purges oldest first. @param sizes what each purge frees, if all older ones went */
export function rank(
  newestFirst: readonly number[],
  tasks: RankedTasks,
  sizes: ReadonlyMap<number, number>,
  { keepLast, maxBytes }: RetentionPolicy,
) {
  const bytesOf = (i: number) => sizes.get(i) ?? 0;
  const kept = new Set<number>(); // by `keep_last`
  /** By task: how many of its user are newer. */
  const newerOf = new Int32Array(newestFirst.reduce((most, i) => Math.max(most, i), -1) + 1).fill(-1);
  const ofUser = new Map<string, number>();
  // The size of the artifacts of all finished tasks, and of those that are kept; how many expired tasks `keep_last` keeps.
  let [bytes, leftBytes, keptExpired] = [0, 0, 0];
  for (const i of newestFirst) {
    const user = tasks.userId(i);
    const newer = ofUser.get(user) ?? 0;
    ofUser.set(user, newer + 1);
    newerOf[i] = newer;
    bytes += bytesOf(i);
    const isExpired = tasks.isExpired(i);
    if (newer < keepLast) kept.add(i);
    if (newer < keepLast && isExpired) keptExpired++;
    if (newer < keepLast || !isExpired) leftBytes += bytesOf(i);
  }
  const forSpace: number[] = []; // purged before their retention, for `max_bytes`
  for (let place = newestFirst.length - 1; place >= 0 && maxBytes > 0 && leftBytes > maxBytes; place--) {
    const i = newestFirst[place]!;
    if (kept.has(i) || tasks.isExpired(i) || !tasks.mayMakeRoom(i) || bytesOf(i) === 0) continue;
    forSpace.push(i);
    leftBytes -= bytesOf(i);
  }
  return { kept, newer: newerOf, forSpace: new Set(forSpace.reverse()), bytes, leftBytes, keptExpired };
}

/** A copy in Redis that could not be read: its task counts as unfinished. */
const UNREAD: Version = { status: "other", time: Number.NaN };

type AllTasks = Awaited<ReturnType<typeof readAll>>;

/** Every task of both stores. Those of the file are numbered as their keys there; Redis-only tasks come after. @param mirror null: only the file is read */
async function readAll(snapshot: Snapshot, mirror: Mirror | null, limits: Limits) {
  const { keys } = snapshot.rows;
  const others = new KeyTable();
  /** The copies in Redis whose time in the index isn't the file's. */
  const inRedis = new Map<number, Version>();
  for await (const members of mirror === null ? [] : indexMembers(mirror)) {
    const moved = members.filter((member) => {
      const row = snapshot.rowOf(member);
      return row < 0 || snapshot.rows.score(row) !== member.score;
    });
    const copies = await mirror!.copies(moved, "state");
    moved.forEach(({ userId, taskId }, i) => {
      const answer = copies[i]!;
      const copy = answer instanceof TtsctlError ? UNREAD : mirrorCopy(answer, mirror!);
      if (copy === null || copy === "dangling") return; // a member without a hash isn't a copy
      const key = keys.find(userId, taskId);
      inRedis.set(key >= 0 ? key : keys.size + others.addId(userId, taskId), copy);
    });
  }

  const all = Array.from({ length: keys.size + others.size }, (_, i) => i);
  const keyOf = (i: number): [KeyTable, number] => (i < keys.size ? [keys, i] : [others, i - keys.size]);
  const id = (i: number): TaskId => {
    const [table, key] = keyOf(i);
    return table.id(key);
  };
  const copiesOf = (i: number): Copies => {
    return { file: i < keys.size ? fileCopyOf(snapshot.rows, i) : null, mirror: inRedis.get(i) ?? null };
  };
  const everyCopy = (i: number, holds: (copy: Version) => boolean) => {
    const copies = copiesOf(i);
    const present = existing(copies);
    return copies.file !== "invalid" && present.length > 0 && present.every(holds);
  };
  const isRanked = (i: number) => everyCopy(i, (copy) => isFinished(copy) && !Number.isNaN(copy.time));
  /** The last change of the newest copy. */
  const time = (i: number) => Math.max(...existing(copiesOf(i)).map(({ time }) => time));
  /** Bytewise descending. */
  const compareMembers = (a: number, b: number) => {
    if (a < keys.size && b < keys.size) return keys.compare(b, a);
    const [ours, theirs] = [a, b].map(id).map(({ userId, taskId }) => snapshot.rules.member(userId, taskId));
    return Buffer.compare(Buffer.from(theirs!), Buffer.from(ours!));
  };
  return {
    snapshot,
    keyOf,
    time,
    userId: (i: number) => id(i).userId,
    isExpired: (i: number) => everyCopy(i, (copy) => isExpired(copy, limits)),
    mayMakeRoom: (i: number) => everyCopy(i, (copy) => mayMakeRoom(copy, limits)),

    /** The number of a task; -1 if neither store has it. */
    indexOf({ userId, taskId }: TaskId): number {
      const key = keys.find(userId, taskId);
      const other = key >= 0 ? -1 : others.find(userId, taskId);
      return other < 0 ? key : keys.size + other;
    },

    /** The finished tasks, as docs/contract.md, Reading orders them. */
    newestFirst(): number[] {
      const times = all.map(time);
      return all.filter(isRanked).sort((a, b) => times[b]! - times[a]! || compareMembers(a, b));
    },

    /** The other tasks: not finished, or with an invalid record. */
    unranked: () =>
      all.filter((i) => {
        const copies = copiesOf(i);
        return (copies.file !== null || copies.mirror !== null) && !isRanked(i);
      }),
  };
}

/**
 * How many bytes on the disk the purge of each finished task frees, once all older ones are purged. A shared log, folder or
 * file with several hard links counts for the newest of its tasks; a log or folder that an unfinished task shares, for none.
 */
async function freedBy(
  { artifacts, reporter }: Parts<"artifacts" | "reporter">,
  tasks: AllTasks,
  newestFirst: readonly number[],
): Promise<Map<number, number>> {
  const { rules, invalid } = tasks.snapshot;
  const onDisk = new DiskUse(artifacts, rules);
  await onDisk.readFolders();
  await onDisk.readLogs();
  for (const task of newestFirst.toReversed()) onDisk.own(...tasks.keyOf(task), task);
  for (const task of tasks.unranked()) onDisk.own(...tasks.keyOf(task), NOBODY);
  for (const taskId of invalid.ownerless) onDisk.ownLogs(taskId, NOBODY);
  for (const reason of onDisk.unread) reporter.warn(`not counted for max_bytes: ${reason}`);
  const bytes = onDisk.byOwner((a, b) => a >= 0 && (b < 0 || tasks.time(a) > tasks.time(b)));
  return new Map(Array.from(bytes, ([owner, { audioBytes, logBytes }]) => [owner, audioBytes + logBytes]));
}

export interface PrepareOptions extends RetentionPolicy {
  /** Accept an empty store file beside a Redis with tasks. */
  readonly allowEmpty: boolean;
}
