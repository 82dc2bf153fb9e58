import { fingerprint } from "../json/value.ts";
import { batches } from "../pool.ts";
import type { TaskId } from "../task/ids.ts";
import type { Task } from "../task/task.ts";
import { newer, sameInstant } from "../task/version.ts";
import type { CurrentFile } from "./file/shared-snapshot.ts";
import type { Snapshot } from "./file/snapshot.ts";
import { KeyTable } from "./key-table.ts";
import { sameContent, timeOf } from "./layout/copy.ts";
import { BATCH, type Upsert } from "./redis/copies.ts";
import { unlessFatal } from "./redis/errors.ts";
import { LEAST_STRANGE, type Mirror } from "./redis/mirror.ts";
import { removeFromMirror } from "./redis/write.ts";
import type { Writable } from "./writable.ts";

/** How often tasks that were written again are compared with the file. */
const MOST_ROUNDS = 8;

/**
 * Tasks whose copies were written to Redis, or removed from it. A service may have changed such a task in both stores between
 * our read and our write. It writes the file first, so the file shows that, unless its write to Redis is still to come.
 */
export class WrittenCopies {
  readonly #keys = new KeyTable();
  /** By key: `updated_at` of the copy, epoch seconds. */
  readonly #times: number[] = [];
  /** By key: `updated_at` and fingerprint of the file's record; NaN and 0 for none. */
  readonly #fileTimes: number[] = [];
  readonly #prints: number[] = [];

  get size(): number {
    return this.#keys.size;
  }

  /** @param inFile the file's record, if the copy differs */
  note(task: Task, inFile = task): void {
    this.#set(task, task.score, inFile.score, fingerprint(inFile.json));
  }

  /** @param before `updated_at` of the record that was removed from the file, epoch seconds */
  noteRemoved(id: TaskId, before: number): void {
    this.#set(id, before, Number.NaN, 0);
  }

  #set({ userId, taskId }: TaskId, time: number, fileTime: number, print: number): void {
    const key = this.#keys.addId(userId, taskId);
    [this.#times[key], this.#fileTimes[key], this.#prints[key]] = [time, fileTime, print];
  }

  /**
   * Reads the file and compares. If a record is gone, its copy is removed, but if the file is missing, or lacks all of many
   * tasks, it may be lost. If a record changed, an older copy is overwritten.
   * @returns tasks whose record in the file is older than before: a service put back what it read @throws STORE_*, REDIS_*
   */
  async follow(mirror: Writable<Mirror>, file: Pick<CurrentFile, "snapshot">): Promise<TaskId[]> {
    const returned: TaskId[] = [];
    let written: WrittenCopies = this;
    for (let round = 0; written.size > 0 && round < MOST_ROUNDS; round++) {
      const now = await file.snapshot();
      if (!now.exists || (now.size === 0 && written.size >= LEAST_STRANGE)) break;
      written = await written.#followOnce(mirror, now, returned);
    }
    return returned;
  }

  /** Returns what was written. */
  async #followOnce(mirror: Writable<Mirror>, snapshot: Snapshot, returned: TaskId[]) {
    const written = new WrittenCopies();
    for (const keys of batches(Array(this.size).keys(), BATCH)) {
      const ids = keys.map((key) => this.#keys.id(key));
      const records = await snapshot.recordsOf(ids);
      const gone = keys.filter((_, i) => !snapshot.holds(ids[i]!));
      const removals = gone.map((key) => ({ id: this.#keys.id(key), before: this.#times[key]! }));
      unlessFatal(await removeFromMirror(mirror, removals)); // `verify` finds the copies of other errors
      const isSame = ({ score, json }: Task, key: number) =>
        sameInstant(this.#fileTimes[key]!, score) && this.#prints[key] === fingerprint(json);
      const changed = records.filter((task, i) => task !== null && !isSame(task, keys[i]!)) as Task[];
      returned.push(...changed.filter((task) => newer(this.#fileTime(task), task.score)));
      for (const task of await this.#write(mirror, changed)) written.note(task);
    }
    return written;
  }

  #fileTime({ userId, taskId }: TaskId): number {
    return this.#fileTimes[this.#keys.find(userId, taskId)]!;
  }

  /** The latest copy that a record of the file replaces: a service with whole seconds can't write a later time than ours in a second. */
  #latest(task: Task): number {
    const ours = this.#fileTime(task);
    return Math.floor(ours) === task.score ? ours : task.score;
  }

  async #write(mirror: Writable<Mirror>, tasks: readonly Task[]): Promise<Task[]> {
    if (tasks.length === 0) return [];
    const copies = await mirror.fullCopies(tasks);
    const due = tasks.flatMap((task, i): Upsert[] => {
      const copy = copies[i]!;
      if (Number.isNaN(this.#fileTime(task))) return copy.type === "none" ? [{ task, seen: copy }] : [];
      if (copy.type !== "hash" || sameContent(copy, task, mirror)) return [];
      return newer(timeOf(copy, mirror), this.#latest(task)) ? [] : [{ task, seen: copy }];
    });
    const flags = unlessFatal(await mirror.upsert(due));
    return due.filter((_, i) => flags[i] === true).map(({ task }) => task);
  }
}
