import { TtsctlError } from "../../errors.ts";
import { batches, pool } from "../../pool.ts";
import { matchingRows, RowWindow } from "../../store/file/file-tasks.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { INDEX_KEY } from "../../store/layout/keys.ts";
import { userScoreOf } from "../../store/layout/layout.ts";
import { BATCH } from "../../store/redis/copies.ts";
import { isFatal, isWrongType } from "../../store/redis/errors.ts";
import { isUnsure, type Member, membersOf } from "../../store/redis/walk.ts";
import type { TaskId } from "../../store/task-source.ts";
import { ofUser } from "../../task/query-fields.ts";
import type { RedisParts } from "../parts.ts";
import { Suspects } from "./suspects.ts";

type LookParts = RedisParts<"reporter" | "signal">;

const IN_FLIGHT = 2;
const INDEXES_AT_ONCE = 16;

const BROKEN_INDEX = "look at the key, remove it with redis-cli, then run `ttsctl verify --repair`";

/** What the first look found in order, a bit each. */
const IN_INDEX = 1;
const IN_USER_INDEX = 2;
const SAME_CONTENT = 4;
/** Needed in a layout with lookups. */
const LOOKED_UP = 8;
/** Redis has a key in the place of the hash; not needed to be in sync. */
const HAS_KEY = 16;

/**
 * Compares everything once: each record of the file with its hash, and every key and index member of Redis with the file.
 * All tasks that aren't clearly in sync are suspects, which `lookAgain` classifies.
 */
export class FirstLook {
  readonly #parts: LookParts;
  readonly #snapshot: Snapshot;
  readonly #userId: string | undefined;
  /** By key of the file: some of the bits above. */
  readonly #bits: Uint8Array;
  /** By key: the scores in the user's index, found and due; null if they are those of the rows. */
  readonly #userScores: { readonly found: Float64Array; readonly due: Float64Array } | null;
  /** Tasks that Redis has and the file lacks; after `separate` also those of the file that aren't in sync. */
  readonly suspects = new Suspects();
  /** How many records of the file were compared so far. */
  compared = 0;
  /** How many index keys aren't sorted sets. */
  brokenIndexes = 0;

  /** @param userId the one user whose tasks are compared */
  constructor(parts: LookParts, snapshot: Snapshot, userId: string | undefined) {
    this.#parts = parts;
    this.#snapshot = snapshot;
    this.#userId = userId;
    const { size } = snapshot.rows.keys;
    this.#bits = new Uint8Array(size);
    const unknown = () => new Float64Array(size).fill(Number.NaN);
    const isByUpdate = parts.mirror.layout.userScoredBy === "updated_at";
    this.#userScores = isByUpdate ? null : { found: unknown(), due: unknown() };
  }

  async run(): Promise<void> {
    // One reads the disk and two wait for Redis, so they run at once.
    const comparing = pool(this.#batches(), IN_FLIGHT, (batch) => this.#compare(...batch), this.#parts.signal);
    const ends = await Promise.allSettled([comparing, this.#walkKeys(), this.#walkIndex()]);
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }

  /** Makes the file's tasks that aren't in sync suspects too. Returns how many are in sync. */
  separate(): number {
    const { rows, rules } = this.#snapshot;
    const needed = IN_INDEX | IN_USER_INDEX | SAME_CONTENT | (rules.taskIdIsUnique ? LOOKED_UP : 0);
    let inSync = 0;
    for (const row of this.#wantedRows()) {
      const key = rows.key(row);
      if ((this.#bits[key]! & needed) === needed) inSync++;
      else this.suspects.add(rows.keys.userId(key), rows.keys.taskId(key));
    }
    return inSync;
  }

  async #compare(window: RowWindow, rows: readonly number[]): Promise<void> {
    const { mirror } = this.#parts;
    const tasks = await window.tasks(rows);
    const same = await mirror.matches(tasks);
    rows.forEach((row, i) => {
      const key = this.#snapshot.rows.key(row);
      if (same[i]) this.#bits[key]! |= SAME_CONTENT;
      if (this.#userScores !== null) this.#noteUserScore(key, this.#userScores.due, userScoreOf(mirror, tasks[i]!));
    });
    this.compared += rows.length;
    this.#parts.reporter.progress("comparing", this.compared, this.#snapshot.size);
  }

  *#batches(): Generator<[RowWindow, number[]]> {
    for (const window of RowWindow.over(this.#snapshot, this.#wantedRows())) {
      for (const rows of batches(window.rows, BATCH)) yield [window, rows];
    }
  }

  #wantedRows(): Iterable<number> {
    return matchingRows(this.#snapshot, ofUser(this.#userId));
  }

  /** Every hash, indexed or not, and then the index of every user, also of users that the file lacks. */
  async #walkKeys(): Promise<void> {
    const { mirror, signal } = this.#parts;
    const users = new Set<string>();
    for await (const step of mirror.walkKeys()) {
      for (const member of step.members) this.#note(mirror.layout.splitMember(member), HAS_KEY);
      for (const user of step.users) users.add(user);
      const owners = await mirror.lookedUp(step.lookups);
      step.lookups.forEach((taskId, i) => {
        const userId = owners[i];
        if (userId != null) this.#note({ userId, taskId }, LOOKED_UP);
      });
      if (signal.aborted) return;
    }
    await pool(users, INDEXES_AT_ONCE, (user) => this.#walkUserIndex(user), signal);
  }

  async #walkIndex(): Promise<void> {
    const { mirror, signal } = this.#parts;
    try {
      for await (const flat of mirror.walkIndex(undefined)) {
        for (const member of membersOf(flat, undefined, mirror.layout)) this.#note(member, IN_INDEX, member.score);
        if (signal.aborted) return;
      }
    } catch (error) {
      if (!isWrongType(error)) throw error;
      const { code, reply } = error;
      throw new TtsctlError(code, `${INDEX_KEY} isn't a sorted set: ${reply}`, { hint: BROKEN_INDEX, cause: error });
    }
  }

  /** An index that can't be read is only reported, because other users' tasks can be compared. */
  async #walkUserIndex(userId: string): Promise<void> {
    const { mirror, reporter, signal } = this.#parts;
    try {
      for await (const flat of mirror.walkIndex(userId)) {
        for (const member of membersOf(flat, userId, mirror.layout)) this.#noteInUserIndex(member);
        if (signal.aborted) return;
      }
    } catch (error) {
      if (!(error instanceof TtsctlError) || isFatal(error)) throw error;
      this.brokenIndexes++;
      const why = isWrongType(error) ? `isn't a sorted set: ${error.reply}` : `can't be read: ${error.message}`;
      reporter.warn(`${mirror.layout.indexKey(userId)} ${why}; ${BROKEN_INDEX}`);
    }
  }

  /** @param score that of an index member, which must be the record's */
  #note(id: TaskId, bit: number, score?: number): void {
    if (this.#userId === undefined || id.userId === this.#userId) this.#noteAny(id, bit, score);
  }

  #noteAny({ userId, taskId }: TaskId, bit: number, score?: number): void {
    const { rows } = this.#snapshot;
    const key = this.#snapshot.keyOf({ userId, taskId });
    if (key < 0) this.suspects.add(userId, taskId, bit === HAS_KEY && (isUnsure(userId) || isUnsure(taskId)));
    else if (score === undefined || score === rows.score(rows.liveRow(key))) this.#bits[key]! |= bit;
  }

  /** In another user's index, only members count that may be tasks of the one user. */
  #noteInUserIndex(member: Member): void {
    const { userId, taskId, score } = member;
    const isOther = this.#userId !== undefined && this.#userId !== userId;
    if (isOther && this.#snapshot.rowOf(this.#userId!, taskId) < 0) return;
    const key = this.#snapshot.rows.keys.find(userId, taskId);
    if (this.#userScores === null || key < 0) this.#noteAny(member, IN_USER_INDEX, score);
    else {
      this.#noteAny(member, 0);
      this.#noteUserScore(key, this.#userScores.found, score);
    }
  }

  /** The score that is due is known only once the record was read. */
  #noteUserScore(key: number, scores: Float64Array, score: number): void {
    scores[key] = score;
    const { found, due } = this.#userScores!;
    if (found[key] === due[key]) this.#bits[key]! |= IN_USER_INDEX;
  }
}
