import { TtsctlError } from "../../errors.ts";
import { batches, pool } from "../../pool.ts";
import { matchingRows } from "../../store/file/file-tasks.ts";
import type { RowWindow, Snapshot } from "../../store/file/snapshot.ts";
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

/** The parts that Redis has right, a bit each. */
const IN_INDEX = 1;
const IN_USER_INDEX = 2;
const SAME_CONTENT = 4;
const LOOKED_UP = 8;

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
  /** By key: the scores in the user's index, found and due; null if those of the rows are due. */
  readonly #userScores: { readonly found: Float64Array; readonly due: Float64Array } | null;
  /** Tasks that Redis has and the file lacks; after `separate` also those of the file that aren't in sync. */
  readonly suspects = new Suspects();
  compared = 0;
  /** How many index keys aren't sorted sets. */
  brokenIndexes = 0;

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
    const scores = this.#userScores;
    const needed = IN_INDEX | SAME_CONTENT | (scores ? 0 : IN_USER_INDEX) | (rules.isPublished ? LOOKED_UP : 0);
    let inSync = 0;
    for (const row of this.#wantedRows()) {
      const key = rows.key(row);
      const isIndexed = scores === null || scores.found[key] === scores.due[key];
      if (isIndexed && (this.#bits[key]! & needed) === needed) inSync++;
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
      if (this.#userScores !== null) this.#userScores.due[key] = userScoreOf(mirror, tasks[i]!);
    });
    this.compared += rows.length;
    this.#parts.reporter.progress("comparing", this.compared, this.#snapshot.size);
  }

  *#batches(): Generator<[RowWindow, number[]]> {
    for (const window of this.#snapshot.windows(this.#wantedRows())) {
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
      for (const member of step.members) {
        const { userId, taskId } = mirror.layout.splitMember(member);
        if (!this.#isWanted(userId) || this.#snapshot.holds({ userId, taskId })) continue;
        this.suspects.add(userId, taskId, isUnsure(userId) || isUnsure(taskId));
      }
      for (const user of step.users) users.add(user);
      const owners = await mirror.lookedUp(step.lookups);
      step.lookups.forEach((taskId, i) => {
        const userId = owners[i];
        if (userId != null && this.#isWanted(userId)) this.#note({ userId, taskId }, LOOKED_UP);
      });
      if (signal.aborted) return;
    }
    await pool(users, INDEXES_AT_ONCE, (user) => this.#walkUserIndex(user), signal);
  }

  async #walkIndex(): Promise<void> {
    const { mirror, signal } = this.#parts;
    try {
      for await (const flat of mirror.walkIndex(undefined)) {
        for (const member of membersOf(flat, undefined, mirror.layout)) {
          if (this.#isWanted(member.userId)) this.#note(member, IN_INDEX, member.score);
        }
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

  #isWanted(userId: string): boolean {
    return this.#userId === undefined || userId === this.#userId;
  }

  /** @param score that of an index member, which must be the record's */
  #note(id: TaskId, bit: number, score?: number): void {
    const { rows } = this.#snapshot;
    const key = this.#snapshot.keyOf(id);
    if (key < 0) this.suspects.add(id.userId, id.taskId);
    else if (score === undefined || score === rows.score(rows.liveRow(key))) this.#bits[key]! |= bit;
  }

  /** In another user's index, only members count that may be tasks of the one user. */
  #noteInUserIndex(member: Member): void {
    if (!this.#isWanted(member.userId) && this.#snapshot.rowOf(this.#userId!, member.taskId) < 0) return;
    this.#note(member, IN_USER_INDEX, member.score);
    const key = this.#userScores === null ? -1 : this.#snapshot.keyOf(member);
    if (key >= 0) this.#userScores!.found[key] = member.score;
  }
}
