import { keyOf, type TaskId } from "../../task/ids.ts";
import type { Task } from "../../task/task.ts";
import { newer } from "../../task/version.ts";
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
  /** The new record of the task; null or `conflict` to keep the one that it has. It may throw. */
  change(task: Task): Task | null | "conflict";
}

export type Request = Change | Update;

/** Tasks as earlier changes of the same batch leave them. */
export interface PendingTasks {
  readonly tasks: readonly Task[];
  /** Their rows in the file, and those of tasks that were removed. */
  readonly rows: ReadonlySet<number>;
}

/** `newer`: the file's record was kept. */
export type ChangeOutcome = "written" | "newer" | "removed" | "missing" | "unchanged" | "conflict";

export interface ChangeResult {
  readonly outcome: ChangeOutcome;
  /** `updated_at` of the record that the task had before, epoch seconds; NaN for none, or an invalid one. */
  readonly before: number;
  /** Null if an update found no task. */
  readonly id: TaskId | null;
  /** The record that was to be written; of an update that wrote nothing, the one that it found. */
  readonly task: Task | null;
  /** What `change` of an update threw, which the other changes of the batch don't fail with. */
  readonly failure?: { readonly error: unknown };
}

/** A task as the batch leaves it. */
interface Final extends Change {
  /** Whether a removal came before the record. */
  readonly cleared: boolean;
}

/** Decides on changes that are written together, in order: each sees the result of those before it. */
export async function planBatch(requests: readonly Request[], current: Snapshot) {
  const finals = new Map<string, Final>();
  /** One record for each task that was changed and not deleted. */
  const tasksLeft = () => [...finals.values()].flatMap(({ task }) => task ?? []);

  const decide = ({ id, task }: Change): ChangeResult => {
    const last = finals.get(keyOf(id));
    const row = current.rowOf(id);
    const inFile = row < 0 ? Number.NaN : current.rows.score(row);
    const before = last === undefined ? inFile : (last.task?.score ?? Number.NaN);
    if (task === null) {
      const isThere = last === undefined ? current.holds(id) : last.task !== null;
      finals.set(keyOf(id), { id, task, cleared: true });
      return { outcome: isThere ? "removed" : "missing", before, id, task };
    }
    if (newer(before, task.score)) return { outcome: "newer", before, id, task };
    finals.set(keyOf(id), { id, task, cleared: last?.cleared ?? false });
    return { outcome: "written", before, id, task };
  };

  const decideUpdate = async (update: Update): Promise<ChangeResult> => {
    const id = await update.find(current, () => ({
      tasks: tasksLeft(),
      rows: new Set([...finals.values()].map(({ id }) => current.rowOf(id))),
    }));
    const last = id === null ? undefined : finals.get(keyOf(id));
    const task = id === null ? null : last === undefined ? (await current.recordsOf([id]))[0]! : last.task;
    const before = Number.NaN;
    if (task === null) return { outcome: "missing", before, id: null, task };
    try {
      const next = update.change(task);
      if (next === null || next === "conflict") return { outcome: next ?? "unchanged", before, id, task };
      const result = decide({ id: next, task: next });
      return result.outcome === "newer" ? { ...result, task } : result;
    } catch (error) {
      return { outcome: "unchanged", before, id, task, failure: { error } };
    }
  };

  const results: ChangeResult[] = [];
  for (const request of requests) results.push("find" in request ? await decideUpdate(request) : decide(request));
  const removed = [...finals.values()].filter(({ id, cleared }) => cleared && current.holds(id));
  const tasks = tasksLeft();
  const edit: Edit = { removed: new Set(removed.map(({ id }) => current.keyOf(id))), puts: putsOf(tasks) };
  return { edit, results, tasks };
}
