import { STATUS_CODES } from "../../store/file/rows.ts";
import type { TaskId } from "../../task/ids.ts";
import { TaskList } from "../stats/task-list.ts";

/** A change of a task. Statuses are those of STATUS_CODES, null where there is no task. */
export interface TaskChange extends TaskId {
  readonly event: "created" | "changed" | "removed";
  readonly status: string | null;
  readonly from: string | null;
  /** `updated_at`, epoch seconds; of a removed task the last one. */
  readonly score: number;
}

/** How a reading differs from the last. The first is only noted; after a switch of stores, only what is newer than anything seen before is a change. */
export type Reading = "first" | "same" | "switched";

const GONE = -1;

export class TaskStates {
  #known = new TaskList();
  /** By its key: the newest time that any store had. */
  #newestOf: number[] = [];
  #newest = Number.NEGATIVE_INFINITY;

  /** The changes since the last reading; take all of them before the next call. `tasks` is kept, and changed by `update`. */
  *compare(tasks: TaskList, reading: Reading): Generator<TaskChange> {
    const [old, newestBefore, newestOf] = [this.#known, this.#newest, this.#newestOf];
    this.#known = tasks;
    this.#newestOf = [];
    for (const key of tasks.tasks()) {
      const before = old.keys.findKeyOf(tasks.keys, key);
      const from = before < 0 ? GONE : old.status(before);
      const [status, score] = [tasks.status(key), tasks.score(key)];
      const lastOf = from === GONE ? newestBefore : newestOf[before]!;
      this.#note(key, from === GONE ? score : lastOf, score);
      if (from === status && old.score(before) === score) continue;
      if (reading === "same" || (reading === "switched" && score > lastOf))
        yield changeOf(tasks.keys.id(key), from, status, score);
    }
    for (const before of reading === "same" ? old.tasks() : []) {
      const key = tasks.keys.findKeyOf(old.keys, before);
      if (key >= 0 && tasks.status(key) !== GONE) continue;
      yield changeOf(old.keys.id(before), old.status(before), GONE, old.score(before));
    }
  }

  /** The tasks that are known and that `tasks` lacks. */
  *missingIn(tasks: TaskList): Generator<TaskId> {
    for (const known of this.#known.tasks()) {
      const key = tasks.keys.findKeyOf(this.#known.keys, known);
      if (key < 0 || tasks.status(key) === GONE) yield this.#known.keys.id(known);
    }
  }

  /** Notes one task as it is now, with the code of its status, or null if it is gone. Returns the change, if there is one. */
  update(id: TaskId, now: { readonly status: number; readonly score: number } | null): TaskChange | null {
    const known = this.#known;
    const before = known.keys.find(id.userId, id.taskId);
    const from = before < 0 ? GONE : known.status(before);
    if (now === null && from === GONE) return null;
    if (now !== null && from === now.status && known.score(before) === now.score) return null;
    const key = before < 0 ? known.keys.addId(id.userId, id.taskId) : before;
    const { status, score } = now ?? { status: GONE, score: known.score(key) };
    this.#note(key, from === GONE ? score : this.#newestOf[key]!, score);
    known.set(key, status, score);
    return changeOf(id, from, status, score);
  }

  #note(key: number, before: number, score: number): void {
    this.#newestOf[key] = Math.max(before, score);
    this.#newest = Math.max(this.#newest, score);
  }
}

function changeOf(id: TaskId, from: number, status: number, score: number): TaskChange {
  const event = status === GONE ? "removed" : from === GONE ? "created" : "changed";
  const [was, is] = [from, status].map((code) => STATUS_CODES[code] ?? null);
  return { userId: id.userId, taskId: id.taskId, event, status: is!, from: was!, score };
}
