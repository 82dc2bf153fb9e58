import { TtsctlError } from "../../errors.ts";
import { pool } from "../../pool.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { INDEX_KEY } from "../../store/layout/keys.ts";
import { indexKey, userScoreOf } from "../../store/layout/layout.ts";
import { BATCH } from "../../store/redis/copies.ts";
import { isFatal, isWrongType } from "../../store/redis/errors.ts";
import { isUnsure, walkIndex, walkKeys } from "../../store/redis/walk.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { UserScoreField } from "../../task/layouts.ts";
import type { RedisParts } from "../parts.ts";
import { Suspects } from "./suspects.ts";

type LookParts = RedisParts<"reporter" | "signal">;

/** How many batches are compared at once, beside the walks over keys and indexes. */
const IN_FLIGHT = 2;
/** How many users' indexes are read at once. */
const INDEXES_AT_ONCE = 16;
/** The most that the records of one batch take in the file. */
const BATCH_BYTES = 1 << 18;

const BROKEN_INDEX = "look at the key, remove it with redis-cli, then run `ttsctl verify --repair`";

/**
 * Compares everything once: each record of the file with its hash, and every key and index member of the mirror with
 * the file. All that is not plainly in step is a suspect; `SecondLook` says what it is.
 */
export class FirstLook {
  readonly #parts: LookParts;
  readonly #snapshot: Snapshot;
  readonly #userId: string | undefined;
  readonly marks: Marks;
  /** How many records of the file were compared so far. */
  compared = 0;
  /** How many index keys aren't sorted sets. */
  brokenIndexes = 0;

  constructor(parts: LookParts, snapshot: Snapshot, userId: string | undefined) {
    this.#parts = parts;
    this.#snapshot = snapshot;
    this.#userId = userId;
    this.marks = new Marks(snapshot, userId, parts.mirror.layout.userScoredBy);
  }

  async run(): Promise<void> {
    // One reads the disk and two wait for Redis: they take turns.
    const failures = await Promise.allSettled([this.#compareAll(), this.#walkKeys(), this.#walkIndex()]);
    for (const end of failures) if (end.status === "rejected") throw end.reason;
  }

  async #compareAll(): Promise<void> {
    await pool(this.#batches(), IN_FLIGHT, (rows) => this.#compare(rows), this.#parts.signal);
  }

  async #compare(rows: readonly number[]): Promise<void> {
    const { mirror } = this.#parts;
    const tasks = await this.#snapshot.readTasks(rows);
    const same = await mirror.matches(tasks);
    rows.forEach((row, i) => {
      const key = this.#snapshot.rows.key(row);
      if (same[i]) this.marks.set(key, SAME_CONTENT);
      this.marks.expectInUserIndex(key, userScoreOf(mirror, tasks[i]!));
    });
    this.compared += rows.length;
    this.#parts.reporter.progress("comparing", this.compared, this.#snapshot.size);
  }

  /** Live rows in groups that one call can carry. */
  *#batches(): Generator<number[]> {
    const { rows } = this.#snapshot;
    let batch: number[] = [];
    let bytes = 0;
    for (const row of this.#snapshot.liveRows()) {
      if (!this.marks.isWanted(rows.key(row))) continue;
      batch.push(row);
      bytes += rows.end(row) - rows.start(row);
      if (batch.length < BATCH && bytes < BATCH_BYTES) continue;
      yield batch;
      batch = [];
      bytes = 0;
    }
    if (batch.length > 0) yield batch;
  }

  /** Every hash, in an index or not, and then the index of every user, in the file or not. */
  async #walkKeys(): Promise<void> {
    const users = new Set<string>();
    for await (const step of walkKeys(this.#parts.mirror)) {
      for (const member of step.members) this.#noteMember(member, HAS_KEY);
      for (const user of step.users) users.add(user);
      await this.#noteLookups(step.lookups);
      if (this.#parts.signal.aborted) return;
    }
    await pool(users, INDEXES_AT_ONCE, (user) => this.#walkUserIndex(user), this.#parts.signal);
  }

  async #walkIndex(): Promise<void> {
    try {
      for await (const flat of walkIndex(this.#parts.mirror, undefined)) {
        for (let i = 0; i < flat.length; i += 2) this.#noteMember(flat[i]!, IN_INDEX, Number(flat[i + 1]));
        if (this.#parts.signal.aborted) return;
      }
    } catch (error) {
      if (!isWrongType(error)) throw error;
      const { code, reply } = error;
      throw new TtsctlError(code, `${INDEX_KEY} isn't a sorted set: ${reply}`, { hint: BROKEN_INDEX, cause: error });
    }
  }

  /** The other users' tasks can be compared. */
  #noteBrokenIndex(userId: string, error: TtsctlError): void {
    this.brokenIndexes++;
    const why = isWrongType(error) ? `isn't a sorted set: ${error.reply}` : `can't be read: ${error.message}`;
    this.#parts.reporter.warn(`${indexKey(this.#parts.mirror.layout, userId)} ${why}; ${BROKEN_INDEX}`);
  }

  async #walkUserIndex(userId: string): Promise<void> {
    try {
      for await (const flat of walkIndex(this.#parts.mirror, userId)) {
        this.#noteTasks(userId, flat);
        if (this.#parts.signal.aborted) return;
      }
    } catch (error) {
      if (!(error instanceof TtsctlError) || isFatal(error)) throw error;
      this.#noteBrokenIndex(userId, error);
    }
  }

  async #noteLookups(taskIds: readonly string[]): Promise<void> {
    const users = await this.#parts.mirror.lookedUp(taskIds);
    taskIds.forEach((taskId, i) => {
      const userId = users[i];
      if (userId == null || (this.#userId !== undefined && userId !== this.#userId)) return;
      this.marks.note(this.#snapshot.rows.keys.find(userId, taskId), () => ({ userId, taskId }), LOOKED_UP);
    });
  }

  #noteMember(member: string, bit: number, score?: number): void {
    const id = this.#parts.mirror.layout.splitMember(member);
    if (this.#userId !== undefined && id.userId !== this.#userId) return;
    this.marks.note(this.#snapshot.rows.keys.find(id.userId, id.taskId), () => id, bit, score);
  }

  /** Of another user than the one that is looked at, only members that may be that one's. */
  #noteTasks(userId: string, flat: readonly string[]): void {
    const { keys } = this.#snapshot.rows;
    const isOther = this.#userId !== undefined && this.#userId !== userId;
    for (let i = 0; i < flat.length; i += 2) {
      const taskId = this.#parts.mirror.layout.taskIdOf(flat[i]!);
      if (isOther && this.#snapshot.rowOf(this.#userId!, taskId) < 0) continue;
      this.marks.noteInUserIndex(keys.find(userId, taskId), () => ({ userId, taskId }), Number(flat[i + 1]));
    }
  }
}

/** What the first look found in order, a bit each. */
const IN_INDEX = 1;
const IN_USER_INDEX = 2;
const SAME_CONTENT = 4;
/** Needed where the layout has lookups. */
const LOOKED_UP = 8;
/** Not needed to be in step: the mirror has something where the hash belongs. */
const HAS_KEY = 16;

/** What the first look found of every task: a byte for each that the file has, the suspects by name. */
class Marks {
  readonly #snapshot: Snapshot;
  readonly #user: Buffer | undefined;
  readonly #bits: Uint8Array;
  /** By key: the scores in the user's index, as found and as they should be; null if the rows' own scores are those. */
  readonly #userScores: { readonly found: Float64Array; readonly due: Float64Array } | null;
  /** Tasks that the mirror has something of and the file has not; once `separate`d, also those of the file that are not in step. */
  readonly suspects = new Suspects();

  /** @param userId the one user whose tasks are looked at */
  constructor(snapshot: Snapshot, userId: string | undefined, userScoredBy: UserScoreField) {
    this.#snapshot = snapshot;
    this.#user = userId === undefined ? undefined : Buffer.from(userId);
    const { size } = snapshot.rows.keys;
    this.#bits = new Uint8Array(size);
    const unknown = () => new Float64Array(size).fill(Number.NaN);
    this.#userScores = userScoredBy === "updated_at" ? null : { found: unknown(), due: unknown() };
  }

  set(key: number, bit: number): void {
    this.#bits[key]! |= bit;
  }

  /**
   * Notes what was found of a task of the mirror.
   * @param key its number in the file, or -1
   * @param score the index member's, which must be the record's; undefined where it is no member
   */
  note(key: number, id: () => TaskId, bit: number, score?: number): void {
    const { rows } = this.#snapshot;
    const row = key < 0 ? -1 : rows.liveRow(key);
    if (row >= 0) {
      if (score === undefined || score === rows.score(row)) this.set(key, bit);
    } else if (key < 0 || !rows.hasInvalid(key)) {
      const { userId, taskId } = id();
      this.suspects.add(userId, taskId, bit === HAS_KEY && (isUnsure(userId) || isUnsure(taskId)));
    }
  }

  /** The same for a member of its user's index. */
  noteInUserIndex(key: number, id: () => TaskId, score: number): void {
    if (this.#userScores === null || key < 0) this.note(key, id, IN_USER_INDEX, score);
    else {
      this.note(key, id, 0);
      this.#userScores.found[key] = score;
      this.#compareUserScores(key);
    }
  }

  /** The score that a task of the file should have there, known once its record was read. */
  expectInUserIndex(key: number, score: number): void {
    if (this.#userScores === null) return;
    this.#userScores.due[key] = score;
    this.#compareUserScores(key);
  }

  #compareUserScores(key: number): void {
    const { found, due } = this.#userScores!;
    if (found[key] === due[key]) this.set(key, IN_USER_INDEX);
  }

  /** How many tasks the mirror has something of. */
  get mirrored(): number {
    let count = this.suspects.size;
    for (const bits of this.#bits) if ((bits & (HAS_KEY | IN_INDEX)) !== 0) count++;
    return count;
  }

  /** Whether a task of the file is one that is looked at. */
  isWanted(key: number): boolean {
    return this.#user === undefined || this.#snapshot.rows.keys.hasUser(key, this.#user);
  }

  /** How many of the file's tasks that are looked at are in step; the suspects become suspects too. */
  separate(): number {
    const { rows } = this.#snapshot;
    const inStepBits = IN_INDEX | IN_USER_INDEX | SAME_CONTENT | (this.#snapshot.rules.taskIdIsUnique ? LOOKED_UP : 0);
    let inStep = 0;
    for (const row of this.#snapshot.liveRows()) {
      const key = rows.key(row);
      if (!this.isWanted(key)) continue;
      if ((this.#bits[key]! & inStepBits) === inStepBits) inStep++;
      else this.suspects.add(rows.keys.userId(key), rows.keys.taskId(key));
    }
    return inStep;
  }
}
