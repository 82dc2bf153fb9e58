import { batches, IN_FLIGHT, pool } from "../pool.ts";
import { STATUS_CODES } from "../store/file/rows.ts";
import type { Snapshot } from "../store/file/snapshot.ts";
import { KeySet, KeyTable } from "../store/key-table.ts";
import { BATCH } from "../store/redis/copies.ts";
import { lacksMembers, type Mirror } from "../store/redis/mirror.ts";
import type { Member } from "../store/redis/walk.ts";
import type { TaskId } from "../task/ids.ts";
import { isStuck, type StuckRule, StuckTasks } from "../task/stuck.ts";
import { newer, type Version } from "../task/version.ts";
import { copiesIn } from "./copies.ts";

/** The tasks that a command looks at, found before it changes anything. */
export interface Survey {
  /** Rows of the snapshot, in working order. */
  readonly rows: number[];
  /** Other tasks: Redis-only ones, or those that were chosen by their copy in Redis. */
  readonly others: KeyTable;
  readonly members: number;
}

export function* chosenIds(snapshot: Snapshot, { rows, others }: Survey): Generator<TaskId> {
  for (const row of rows) yield snapshot.idOf(row);
  yield* others.ids();
}

export function chosenRows(snapshot: Snapshot, choose: (row: number, copy: Version) => boolean): number[] {
  const { rows } = snapshot;
  return [...snapshot.liveRows()].filter((row) => {
    return choose(row, { status: STATUS_CODES[rows.status(row)]!, time: rows.score(row) });
  });
}

/** The stuck tasks of the file, without those that have moved on in Redis. @param mirror null: only the file is read */
export async function findStuck(snapshot: Snapshot, mirror: Mirror | null, rule: StuckRule): Promise<StuckTasks> {
  const stuck = new StuckTasks(rule);
  const rows = rule.after > 0 ? chosenRows(snapshot, (_, { status, time }) => isStuck(status, time, rule)) : [];
  await pool(batches(rows, BATCH), IN_FLIGHT, async (batch) => {
    const ids = batch.map((row) => snapshot.idOf(row));
    const inRedis = mirror === null ? [] : await copiesIn(mirror, ids);
    batch.forEach((row, i) => {
      const copy = inRedis[i] ?? null;
      // Finished in Redis, or changed there lately.
      if (copy !== null && !Number.isNaN(copy.time) && !isStuck(copy.status, copy.time, rule)) return;
      stuck.look(STATUS_CODES[snapshot.rows.status(row)]!, snapshot.rows.score(row), () => ids[i]!);
    });
  });
  return stuck;
}

interface SurveyOptions {
  /** Only scores up to it, the oldest first. */
  readonly limit?: number;
  /** Tasks that only have a hash are chosen from too, with a score of NaN: those of some users (empty: all), or of an index that has lost members. */
  readonly hashes?: ReadonlySet<string> | "if lost";
}

/** Adds the chosen members of the index that no chosen row has, in one walk. */
export async function survey(
  snapshot: Snapshot,
  rows: number[],
  mirror: Mirror | null,
  choose: (member: Member, isAhead: boolean, inFile: boolean) => boolean,
  { limit, hashes }: SurveyOptions = {},
): Promise<Survey> {
  const others = new KeyTable();
  if (mirror === null) return { rows, others, members: 0 };
  const size = await mirror.size(undefined);
  const chosen = new KeySet(snapshot.rows.keys.size);
  for (const row of rows) chosen.add(snapshot.rows.key(row));
  const looked = hashes === "if lost" && !(await hasLost(mirror, snapshot)) ? undefined : hashes;
  const onlyInRedis = new KeyTable();
  const upTo = { userId: undefined, since: null, until: (limit ?? 0) + 1e-6 }; // `until` is exclusive
  for await (const members of limit === undefined ? indexMembers(mirror) : mirror.walkInOrder(upTo, "lowest")) {
    for (const member of members) {
      const key = snapshot.keyOf(member);
      const row = key < 0 ? key : snapshot.rows.liveRow(key);
      // The file lacks the copy in Redis, or may have an older one: its result may be elsewhere.
      const isAhead = row < 0 || newer(member.score, snapshot.rows.score(row));
      if (!chosen.has(key) && choose(member, isAhead, key >= 0)) others.addId(member.userId, member.taskId);
      if (key < 0 && looked !== undefined) onlyInRedis.addId(member.userId, member.taskId);
    }
  }
  const listed = onlyInRedis.size;
  for await (const ids of looked === undefined ? [] : mirror.walkHashes(looked === "if lost" ? new Set() : looked)) {
    for (const id of ids) {
      const known = onlyInRedis.size;
      if (snapshot.holds(id) || onlyInRedis.addId(id.userId, id.taskId) < known) continue;
      if (choose({ ...id, score: Number.NaN }, true, false)) others.addId(id.userId, id.taskId);
    }
  }
  return { rows, others, members: size + onlyInRedis.size - listed };
}

/** Whether the global index has lost members, as far as the counts of the last sync or the file show it. */
async function hasLost(mirror: Mirror, snapshot: Snapshot): Promise<boolean> {
  const [standing] = await mirror.standings([undefined]);
  return lacksMembers(standing!) && (standing!.counted !== null || standing!.members < snapshot.size);
}

/**
 * The members of the index of a user, or of all, with the times of their last change, in no order, in groups of at most BATCH. A member
 * that is there throughout comes at least once: a walk by rank would skip tasks when others move up. @throws TtsctlError REDIS_*
 */
export async function* indexMembers(mirror: Mirror, userId?: string): AsyncGenerator<Member[]> {
  for await (const members of mirror.walkMembers(userId)) {
    yield* batches(userId === undefined ? members : await mirror.withChangeTimes(members), BATCH);
  }
}
