import { byValue, sameJson } from "../../json/same.ts";
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
}

/** How one task is in the end. */
interface Final {
  readonly id: TaskId;
  /** Its record; null where it goes. */
  readonly task: Task | null;
  /** Whether a removal came before the record. */
  readonly cleared: boolean;
  /** `updated_at` of the record that the file had, whole microseconds; NaN for an invalid one, null for none. */
  readonly before: number | null;
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
    return edit(
      going.map(({ id }) => current.keyOf(id)),
      finals.flatMap(({ task }) => task ?? []),
    );
  }

  /**
   * The same once the change was made, on a content that another program wrote over it: what was undone. A record that is
   * newer than ours, or than the one that we took out, isn't undone, and is kept. So is one of our time, if the record
   * before had another time: the service may write several states within one second.
   */
  async again(current: Snapshot): Promise<Edit> {
    const lost: number[] = [];
    const due: Task[] = [];
    for (const { id, task, before } of this.#finals.values()) {
      const theirs = scoreIn(current, id);
      if (task !== null) {
        const isNewState = theirs === scoreOf(task) && theirs !== before; // neither ours nor the one before
        if (!(theirs > scoreOf(task)) && !isNewState) due.push(task);
      } else if (before !== null && current.holds(id) && !isNewer(theirs, before)) lost.push(current.keyOf(id));
    }
    return edit(lost, await withoutThoseIn(current, due));
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
      this.#finals.set(key, { id, task: change.task, cleared, before: inFile });
      return { outcome: "written", before };
    }
    const isThere = last === undefined ? inFile !== null : last.task !== null;
    this.#finals.set(key, { id, task: null, cleared: true, before: inFile });
    return { outcome: isThere ? "removed" : "missing", before };
  }
}

function edit(removed: readonly number[], tasks: readonly Task[]): BatchEdit {
  return { removed: new Set(removed), upserts: upsertsOf(tasks), tasks };
}

/** Whether a record that is there is newer than one that was: any valid one is than one that was not. */
function isNewer(theirs: number, before: number): boolean {
  return theirs > before || (Number.isNaN(before) && !Number.isNaN(theirs));
}

function scoreOf(task: Task | null): number {
  return task === null ? Number.NaN : toMicros(task.score);
}

/** Whole microseconds; NaN, which no time is less or more than, where there is no valid record. */
function scoreIn(current: Snapshot, { userId, taskId }: TaskId): number {
  const row = current.rowOf(userId, taskId);
  return row < 0 ? Number.NaN : toMicros(current.rows.score(row));
}

/** Those that the file does not hold. A service that took one in with its own may have spelt it in another way. */
async function withoutThoseIn(current: Snapshot, tasks: readonly Task[]): Promise<Task[]> {
  const rows = tasks.map(({ userId, taskId }) => current.rowOf(userId, taskId));
  const there = (await current.readTasks(rows.filter((row) => row >= 0)))[Symbol.iterator]();
  const records = rows.map((row) => (row < 0 ? undefined : (there.next().value as Task)));
  return tasks.filter((task, i) => records[i] === undefined || !sameJson(records[i].json, task.json, byValue));
}
