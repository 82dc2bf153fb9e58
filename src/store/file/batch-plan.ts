import { keyOf } from "../../task/ids.ts";
import type { Task } from "../../task/task.ts";
import { toMicros } from "../../task/time.ts";
import type { TaskId } from "../task-source.ts";
import type { Edit } from "./edit.ts";
import type { Snapshot } from "./snapshot.ts";
import { upsertsOf } from "./upserts.ts";

/** One thing that is to happen to one task. */
export type Change =
  | { readonly kind: "upsert"; readonly task: Task }
  | { readonly kind: "remove"; readonly id: TaskId };

/**
 * What a change came to in the file: put in, or left out for a newer record; taken out, or not there; or undone again and
 * again by a service that holds the store in memory.
 */
export type ChangeOutcome = "written" | "newer" | "removed" | "missing" | "returned";

export interface ChangeResult {
  readonly outcome: ChangeOutcome;
  /** `updated_at` of the record that the task had before, whole microseconds; NaN for none, or an invalid one. */
  readonly before: number;
}

/** What has to be changed in one content of the file. */
export interface BatchEdit extends Edit {
  /** The records that are put in. */
  readonly tasks: readonly Task[];
  /** The row that a task of the batch had before, or -1. */
  rowBefore(id: TaskId): number;
}

/** How one task is in the end. */
interface Final {
  readonly id: TaskId;
  /** Its record; null where it goes. */
  readonly task: Task | null;
  /** Whether a removal came before the record. */
  readonly cleared: boolean;
}

export function idOf(change: Change): TaskId {
  return change.kind === "upsert" ? change.task : change.id;
}

/** Changes that go into the file together, decided on in their order: each sees what those before it left. */
export class BatchPlan {
  readonly #changes: readonly Change[];
  readonly #finals = new Map<string, Final>();
  /** One for each change. */
  results: ChangeResult[] = [];

  constructor(changes: readonly Change[]) {
    this.#changes = changes;
  }

  /** Decides on one content of the file: what has to be changed in it. */
  on(current: Snapshot): BatchEdit {
    this.#finals.clear();
    this.results = this.#changes.map((change) => this.#decide(change, current));
    const finals = [...this.#finals.values()];
    const going = finals.filter(({ id, task, cleared }) => (task === null || cleared) && current.holds(id));
    const tasks = finals.flatMap(({ task }) => task ?? []);
    const rows = new Map(finals.map(({ id }) => [keyOf(id), current.rowOf(id.userId, id.taskId)]));
    return {
      removed: new Set(going.map(({ id }) => current.keyOf(id))),
      upserts: upsertsOf(tasks),
      tasks,
      rowBefore: (id) => rows.get(keyOf(id)) ?? -1,
    };
  }

  #decide(change: Change, current: Snapshot): ChangeResult {
    const id = idOf(change);
    const key = keyOf(id);
    const inFile = current.holds(id) ? scoreIn(current, id) : null;
    const last = this.#finals.get(key);
    const before = last === undefined ? (inFile ?? Number.NaN) : scoreOf(last.task);
    if (change.kind === "upsert") {
      if (before > scoreOf(change.task)) return { outcome: "newer", before };
      const cleared = last !== undefined && (last.task === null || last.cleared);
      this.#finals.set(key, { id, task: change.task, cleared });
      return { outcome: "written", before };
    }
    const isThere = last === undefined ? inFile !== null : last.task !== null;
    this.#finals.set(key, { id, task: null, cleared: true });
    return { outcome: isThere ? "removed" : "missing", before };
  }
}

function scoreOf(task: Task | null): number {
  return task === null ? Number.NaN : toMicros(task.score);
}

/** Whole microseconds; NaN, which no time is less or more than, where there is no valid record. */
function scoreIn(current: Snapshot, { userId, taskId }: TaskId): number {
  const row = current.rowOf(userId, taskId);
  return row < 0 ? Number.NaN : toMicros(current.rows.score(row));
}
