import { batches } from "../../pool.ts";
import { STATUS_CODES } from "../../store/file/rows.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { KeySet, KeyTable } from "../../store/key-table.ts";
import { BATCH } from "../../store/redis/copies.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import { type Member, membersOf } from "../../store/redis/walk.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { Copy } from "./copies.ts";

/** What a purge has to look at, found before anything is removed. */
export interface Survey {
  /** Rows of the snapshot, in the order in which they are worked on. */
  readonly rows: number[];
  /** Tasks that no chosen row stands for: in Redis alone, or chosen for what Redis has of them. */
  readonly others: KeyTable;
  /** How many members the index has. */
  readonly members: number;
}

/** The rows in force that are chosen. @param choose is given the row's ids to ask for, and its copy */
export function chosenRows(snapshot: Snapshot, choose: (id: () => TaskId, copy: Copy) => boolean): number[] {
  const { rows } = snapshot;
  const chosen: number[] = [];
  for (const row of snapshot.liveRows()) {
    const id = () => snapshot.idOf(row);
    if (choose(id, { status: STATUS_CODES[rows.status(row)]!, score: rows.score(row) })) chosen.push(row);
  }
  return chosen;
}

/** Chosen rows alone, of a survey that needs nothing of the index but its size. */
export async function surveyOfRows(rows: number[], mirror: Mirror | null): Promise<Survey> {
  return { rows, others: new KeyTable(), members: (await mirror?.size(undefined)) ?? 0 };
}

/** Adds the members with a score up to a limit that no chosen row stands for, the oldest first. */
export function surveyUpTo(snapshot: Snapshot, rows: number[], mirror: Mirror | null, limit: number): Promise<Survey> {
  return survey(
    snapshot,
    rows,
    mirror,
    () => true,
    (mirror) => membersUpTo(mirror, limit),
  );
}

/**
 * Walks the whole index once, so that equal scores and tasks that stay neither stall nor repeat it.
 * @param choose whether a member that no chosen row stands for is to be looked at
 */
export async function survey(
  snapshot: Snapshot,
  rows: number[],
  mirror: Mirror | null,
  choose: (member: Member, inFile: boolean) => boolean,
  walk: (mirror: Mirror) => AsyncIterable<Member[]> = indexMembers,
): Promise<Survey> {
  const result = await surveyOfRows(rows, mirror);
  if (mirror === null) return result;
  const chosen = new KeySet(snapshot.rows.keys.size);
  for (const row of rows) chosen.add(snapshot.rows.key(row));
  for await (const members of walk(mirror)) {
    for (const member of members) {
      const key = snapshot.keyOf(member);
      if (!chosen.has(key) && choose(member, key >= 0)) result.others.addId(member.userId, member.taskId);
    }
  }
  return result;
}

/** Those tasks of the index that are wanted and that a content of the file has no record of. */
export async function listOnlyInRedis(
  snapshot: Snapshot,
  mirror: Mirror,
  isWanted: (id: TaskId) => boolean,
): Promise<KeyTable> {
  return (await survey(snapshot, [], mirror, (member, inFile) => !inFile && isWanted(member))).others;
}

/**
 * The members of the index of a user, or of all, in no order, in groups of at most BATCH. What is there throughout comes
 * at least once, also while a service writes: a walk by rank would pass over tasks when others move up.
 * Their scores are the times of the last change.
 * @throws TtsctlError REDIS_*
 */
export async function* indexMembers(mirror: Mirror, userId?: string): AsyncGenerator<Member[]> {
  for await (const flat of mirror.walkIndex(userId)) {
    const members = membersOf(flat, userId, mirror.layout);
    yield* batches(userId === undefined ? members : await mirror.withChangeTimes(members), BATCH);
  }
}

/** The members of the global index with a score up to a limit, the oldest first, in such groups. @throws TtsctlError REDIS_* */
async function* membersUpTo(mirror: Mirror, limit: number): AsyncGenerator<Member[]> {
  const range = { userId: undefined, since: null, until: limit + 1e-6 }; // `until` is exclusive
  for await (const members of mirror.walkInOrder(range, "lowest")) yield* batches(members, BATCH);
}
