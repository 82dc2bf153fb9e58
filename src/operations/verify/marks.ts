import type { Snapshot } from "../../store/file/snapshot.ts";
import { isUnsure } from "../../store/redis/walk.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { UserScoreField } from "../../task/layouts.ts";
import { Suspects } from "./suspects.ts";

/** What the first look found in order, a bit each. */
export const IN_INDEX = 1;
export const IN_USER_INDEX = 2;
export const SAME_CONTENT = 4;
/** Needed where the layout has lookups. */
export const LOOKED_UP = 8;
/** Not needed to be in step: the mirror has something where the hash belongs. */
export const HAS_KEY = 16;

/** What the first look found of every task: a byte for each that the file has, the suspects by name. */
export class Marks {
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
