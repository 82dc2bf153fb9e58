import type { Snapshot } from "../../store/file/snapshot.ts";
import { isUnsure } from "../../store/redis/members.ts";
import type { TaskId } from "../../store/task-source.ts";
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
  /** Tasks that the mirror has something of and the file has not; once `separate`d, also those of the file that are not in step. */
  readonly suspects = new Suspects();

  /** @param userId the one user whose tasks are looked at */
  constructor(snapshot: Snapshot, userId: string | undefined) {
    this.#snapshot = snapshot;
    this.#user = userId === undefined ? undefined : Buffer.from(userId);
    this.#bits = new Uint8Array(snapshot.rows.keys.size);
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
