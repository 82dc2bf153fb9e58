import { STATUS_CODES } from "../../store/file/rows.ts";
import { Column, KeyTable } from "../../store/key-table.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { TaskColumns } from "../stats/columns.ts";

/** A change of a task. Statuses are those of STATUS_CODES, null where there is no task. */
export interface TaskChange extends TaskId {
  readonly event: "created" | "changed" | "removed";
  readonly status: string | null;
  /** The status before. */
  readonly from: string | null;
  /** `updated_at`, epoch seconds; of a removed task the last one. */
  readonly score: number;
}

/**
 * How a reading differs from the one before: the first one is only noted. After a switch to the other store, what the two have
 * differently isn't a change: only what is newer than anything seen before.
 */
export type Reading = "first" | "same" | "switched";

/** The codes are stored plus one: 0 is no task. */
const GONE = 0;
/** Below so many keys, those of removed tasks are kept. */
const FEW = 1000;

/** The last known status and time of each task, in some 60 bytes each. */
export class TaskStates {
  #keys = new KeyTable();
  #statuses = new Column(new Uint8Array(1 << 10));
  #scores = new Column(new Float64Array(1 << 10));
  /** The newest time of each task that any store had. */
  #reported = new Column(new Float64Array(1 << 10));
  /** The reading that last had the task. */
  #seen = new Column(new Uint32Array(1 << 10));
  #readings = 0;
  /** The newest time of any task. */
  #newest = Number.NEGATIVE_INFINITY;
  size = 0;

  /** The changes since the last reading. Take all of them before the next call. */
  *compare(columns: TaskColumns, reading: Reading): Generator<TaskChange> {
    const newest = this.#newest;
    const changed: number[] = [];
    const before: number[] = [];
    this.#readings++;
    columns.each((of, status, score) => {
      const key = this.#keys.addKeyOf(columns.keys, of);
      this.#seen.set(key, this.#readings);
      const was = this.#statuses.at(key);
      const isSame = was === status + 1 && this.#scores.at(key) === score;
      if (isSame) return;
      const isNews = reading === "same" || (reading === "switched" && score > this.#lastOf(key, newest));
      if (isNews) {
        changed.push(key);
        before.push(was);
      }
      this.#set(key, status + 1, score);
    });
    for (const [i, key] of changed.entries()) yield this.#change(key, before[i]!);
    for (let key = 0; key < this.#keys.size; key++) {
      const was = this.#statuses.at(key);
      if (was === GONE || this.#seen.at(key) === this.#readings) continue;
      this.#set(key, GONE, this.#scores.at(key));
      if (reading === "same") yield this.#change(key, was);
    }
    if (this.#keys.size > FEW && this.#keys.size > 2 * this.size) this.#forgetRemoved();
  }

  /** The tasks that are known and that `columns` lacks. */
  *missingIn(columns: TaskColumns): Generator<TaskId> {
    for (let key = 0; key < this.#keys.size; key++) {
      if (this.#statuses.at(key) === GONE) continue;
      const id = columns.keys.findKeyOf(this.#keys, key);
      if (id < 0 || columns.status(id) < 0) yield this.#keys.id(key);
    }
  }

  /** Notes one task as it is now, with the code of its status, or null if it is gone. Returns the change, if there is one. */
  update(
    { userId, taskId }: TaskId,
    now: { readonly status: number; readonly score: number } | null,
  ): TaskChange | null {
    const key = now === null ? this.#keys.find(userId, taskId) : this.#keys.addId(userId, taskId);
    const was = key < 0 ? GONE : this.#statuses.at(key);
    if (now === null && was === GONE) return null;
    if (now !== null && was === now.status + 1 && this.#scores.at(key) === now.score) return null;
    this.#set(key, now === null ? GONE : now.status + 1, now?.score ?? this.#scores.at(key));
    this.#seen.set(key, this.#readings);
    return this.#change(key, was);
  }

  /** The newest time at which a task, or for an unknown one any task, was seen. */
  #lastOf(key: number, newest: number): number {
    return this.#statuses.at(key) === GONE ? newest : this.#reported.at(key);
  }

  #set(key: number, status: number, score: number): void {
    const was = this.#statuses.at(key);
    this.size += Number(status !== GONE) - Number(was !== GONE);
    this.#statuses.set(key, status);
    this.#scores.set(key, score);
    this.#reported.set(key, was === GONE ? score : Math.max(score, this.#reported.at(key)));
    this.#newest = Math.max(this.#newest, score);
  }

  #change(key: number, was: number): TaskChange {
    const now = this.#statuses.at(key);
    const event = now === GONE ? "removed" : was === GONE ? "created" : "changed";
    const [status, from] = [now, was].map((code) => (code === GONE ? null : STATUS_CODES[code - 1]!));
    return { ...this.#keys.id(key), event, status: status!, from: from!, score: this.#scores.at(key) };
  }

  /** A table of keys only grows, so one with the tasks that are left replaces it. */
  #forgetRemoved(): void {
    const [keys, statuses, scores, reported] = [this.#keys, this.#statuses, this.#scores, this.#reported];
    this.#keys = new KeyTable();
    this.#statuses = new Column(new Uint8Array(1 << 10));
    this.#scores = new Column(new Float64Array(1 << 10));
    this.#reported = new Column(new Float64Array(1 << 10));
    this.#seen = new Column(new Uint32Array(1 << 10));
    for (let old = 0; old < keys.size; old++) {
      if (statuses.at(old) === GONE) continue;
      const key = this.#keys.addKeyOf(keys, old);
      this.#statuses.set(key, statuses.at(old));
      this.#scores.set(key, scores.at(old));
      this.#reported.set(key, reported.at(old));
      this.#seen.set(key, this.#readings);
    }
  }
}
