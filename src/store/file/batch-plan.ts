import { keyOf } from "../../task/ids.ts";
import type { Task } from "../../task/task.ts";
import { toMicros } from "../../task/time.ts";
import type { TaskId } from "../task-source.ts";
import type { Edit } from "./edit.ts";
import type { Snapshot } from "./snapshot.ts";
import { upsertsOf } from "./upserts.ts";

export type Change =
  | { readonly kind: "upsert"; readonly task: Task }
  | { readonly kind: "remove"; readonly id: TaskId };

/** A change that depends on the file's record. It is decided under the lock, and again if the file was replaced first. */
export interface Update {
  readonly kind: "update";
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

/** `newer`: the file's record was kept. `returned`: undone again and again by a service that holds the store in memory. */
export type ChangeOutcome = "written" | "newer" | "removed" | "missing" | "unchanged" | "returned";

export interface ChangeResult {
  readonly outcome: ChangeOutcome;
  /** `updated_at` of the record that the task had before, whole microseconds; NaN for none, or an invalid one. */
  readonly before: number;
  /** The change that was decided on; null if an update changes nothing. */
  readonly change: Change | null;
  /** The record that an update found, or made. */
  readonly task?: Task | null | undefined;
}

/** A task as the batch leaves it. */
interface Final {
  readonly id: TaskId;
  /** Null if it is removed. */
  readonly task: Task | null;
  /** Whether a removal came before the record. */
  readonly cleared: boolean;
}

export function idOf(change: Change): TaskId {
  return change.kind === "upsert" ? change.task : change.id;
}

/** Changes that are written together, decided in order: each sees the result of those before it. */
export class BatchPlan {
  readonly #changes: readonly Request[];
  readonly #finals = new Map<string, Final>();
  /** One for each change. */
  results: ChangeResult[] = [];

  constructor(changes: readonly Request[]) {
    this.#changes = changes;
  }

  /** The edit of one content of the file. */
  async on(current: Snapshot): Promise<Edit> {
    this.#finals.clear();
    const results: ChangeResult[] = [];
    for (const request of this.#changes) {
      results.push(
        request.kind === "update" ? await this.#decideUpdate(request, current) : this.#decide(request, current),
      );
    }
    this.results = results;
    const finals = [...this.#finals.values()];
    const going = finals.filter(({ id, task, cleared }) => (task === null || cleared) && current.holds(id));
    return {
      removed: new Set(going.map(({ id }) => current.keyOf(id))),
      upserts: upsertsOf(finals.flatMap(({ task }) => task ?? [])),
    };
  }

  async #decideUpdate(update: Update, current: Snapshot): Promise<ChangeResult> {
    const id = await update.find(current, () => this.#pendingIn(current));
    const task = id === null ? null : await this.#taskOf(id, current);
    const none = { before: Number.NaN, change: null };
    if (task === null) return { ...none, outcome: "missing", task };
    const next = update.change(task);
    if (next === null) return { ...none, outcome: "unchanged", task };
    const result = this.#decide({ kind: "upsert", task: next }, current);
    return { ...result, task: result.outcome === "newer" ? task : next };
  }

  async #taskOf(id: TaskId, current: Snapshot): Promise<Task | null> {
    const last = this.#finals.get(keyOf(id));
    if (last !== undefined) return last.task;
    const row = current.rowOf(id.userId, id.taskId);
    return row < 0 ? null : (await current.readTasks([row]))[0]!;
  }

  #pendingIn(current: Snapshot): PendingTasks {
    const finals = [...this.#finals.values()];
    return {
      tasks: finals.flatMap(({ task }) => task ?? []),
      rows: new Set(finals.map(({ id }) => current.rowOf(id.userId, id.taskId))),
    };
  }

  #decide(change: Change, current: Snapshot): ChangeResult {
    const id = idOf(change);
    const key = keyOf(id);
    const inFile = current.holds(id) ? scoreIn(current, id) : null;
    const last = this.#finals.get(key);
    const before = last === undefined ? (inFile ?? Number.NaN) : scoreOf(last.task);
    if (change.kind === "upsert") {
      if (before > scoreOf(change.task)) return { outcome: "newer", before, change };
      const cleared = last !== undefined && (last.task === null || last.cleared);
      this.#finals.set(key, { id, task: change.task, cleared });
      return { outcome: "written", before, change };
    }
    const isThere = last === undefined ? inFile !== null : last.task !== null;
    this.#finals.set(key, { id, task: null, cleared: true });
    return { outcome: isThere ? "removed" : "missing", before, change };
  }
}

function scoreOf(task: Task | null): number {
  return task === null ? Number.NaN : toMicros(task.score);
}

/** Whole microseconds; NaN if there is no valid record. */
function scoreIn(current: Snapshot, { userId, taskId }: TaskId): number {
  const row = current.rowOf(userId, taskId);
  return row < 0 ? Number.NaN : toMicros(current.rows.score(row));
}
