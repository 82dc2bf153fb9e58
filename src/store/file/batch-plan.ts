import { keyOf } from "../../task/ids.ts";
import type { Task } from "../../task/task.ts";
import { newer } from "../../task/version.ts";
import type { TaskId } from "../task-source.ts";
import { type Edit, putsOf } from "./changes.ts";
import type { Snapshot } from "./snapshot.ts";

/** The record that a task gets; null to delete the task. */
export interface Change {
  readonly id: TaskId;
  readonly task: Task | null;
}

/** A change that depends on the file's record: decided under the lock, and again if the file was replaced first. */
export interface Update {
  /** The task to change; null for none. */
  find(current: Snapshot, pending: () => PendingTasks): TaskId | null | Promise<TaskId | null>;
  /** The new record of the task, or null to keep the one that it has. */
  change(task: Task): Task | null;
}

export type Request = Change | Update;

/** Tasks as earlier changes of the same batch leave them. */
export interface PendingTasks {
  readonly tasks: readonly Task[];
  /** Their rows in the file, and those of tasks that were removed. */
  readonly rows: ReadonlySet<number>;
}

/** `newer`: the file's record was kept. */
export type ChangeOutcome = "written" | "newer" | "removed" | "missing" | "unchanged";

export interface ChangeResult {
  readonly outcome: ChangeOutcome;
  /** `updated_at` of the record that the task had before, epoch seconds; NaN for none, or an invalid one. */
  readonly before: number;
  /** Null if an update found no task. */
  readonly id: TaskId | null;
  /** The record that was to be written; of an update that wrote nothing, the one that it found. */
  readonly task: Task | null;
}

/** A task as the batch leaves it. */
interface Final extends Change {
  /** Whether a removal came before the record. */
  readonly cleared: boolean;
}

/** Changes that are written together, decided in order: each sees the result of those before it. */
export class BatchPlan {
  readonly #changes: readonly Request[];
  readonly #finals = new Map<string, Final>();
  results: ChangeResult[] = [];

  constructor(changes: readonly Request[]) {
    this.#changes = changes;
  }

  /** The edit of one content of the file. */
  async on(current: Snapshot): Promise<Edit> {
    this.#finals.clear();
    const results: ChangeResult[] = [];
    for (const request of this.#changes) {
      results.push("find" in request ? await this.#decideUpdate(request, current) : this.#decide(request, current));
    }
    this.results = results;
    const going = [...this.#finals.values()].filter(
      ({ id, task, cleared }) => (task === null || cleared) && current.holds(id),
    );
    return { removed: new Set(going.map(({ id }) => current.keyOf(id))), puts: putsOf(this.tasks) };
  }

  /** The records that the batch leaves, one for each task that it changed and didn't delete. */
  get tasks(): Task[] {
    return [...this.#finals.values()].flatMap(({ task }) => task ?? []);
  }

  async #decideUpdate(update: Update, current: Snapshot): Promise<ChangeResult> {
    const id = await update.find(current, () => this.#pendingIn(current));
    const task = id === null ? null : await this.#taskOf(id, current);
    const before = Number.NaN;
    if (task === null) return { outcome: "missing", before, id: null, task };
    const next = update.change(task);
    if (next === null) return { outcome: "unchanged", before, id, task };
    const result = this.#decide({ id: next, task: next }, current);
    return result.outcome === "newer" ? { ...result, task } : result;
  }

  async #taskOf(id: TaskId, current: Snapshot): Promise<Task | null> {
    const last = this.#finals.get(keyOf(id));
    if (last !== undefined) return last.task;
    const row = current.rowOf(id.userId, id.taskId);
    return row < 0 ? null : (await current.readTasks([row]))[0]!;
  }

  #pendingIn(current: Snapshot): PendingTasks {
    const ids = [...this.#finals.values()].map(({ id }) => id);
    return { tasks: this.tasks, rows: new Set(ids.map(({ userId, taskId }) => current.rowOf(userId, taskId))) };
  }

  #decide({ id, task }: Change, current: Snapshot): ChangeResult {
    const key = keyOf(id);
    const inFile = current.holds(id) ? scoreIn(current, id) : null;
    const last = this.#finals.get(key);
    const before = last === undefined ? (inFile ?? Number.NaN) : scoreOf(last.task);
    if (task === null) {
      const isThere = last === undefined ? inFile !== null : last.task !== null;
      this.#finals.set(key, { id, task, cleared: true });
      return { outcome: isThere ? "removed" : "missing", before, id, task };
    }
    if (newer(before, task.score)) return { outcome: "newer", before, id, task };
    const cleared = last !== undefined && (last.task === null || last.cleared);
    this.#finals.set(key, { id, task, cleared });
    return { outcome: "written", before, id, task };
  }
}

function scoreOf(task: Task | null): number {
  return task?.score ?? Number.NaN;
}

/** Epoch seconds; NaN without a valid record. */
function scoreIn(current: Snapshot, { userId, taskId }: TaskId): number {
  const row = current.rowOf(userId, taskId);
  return row < 0 ? Number.NaN : current.rows.score(row);
}
