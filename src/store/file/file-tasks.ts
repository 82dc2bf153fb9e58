import { batches } from "../../pool.ts";
import { passes, soleUser, type TaskFilter, timePasses } from "../../task/query-fields.ts";
import { createdScore, type Task } from "../../task/task.ts";
import type { TaskId, TaskPage, TaskSource } from "../task-source.ts";
import { STATUS_CODES } from "./rows.ts";
import type { Snapshot } from "./snapshot.ts";

/** Tasks in a piece of a long list. */
const STEP = 1000;

/** The tasks of one snapshot of the store file. */
export class FileTasks implements TaskSource {
  readonly #snapshot: Snapshot;

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
  }

  async page(filter: TaskFilter, offset: number, count: number): Promise<TaskPage> {
    const { rows, total } = await this.#sorted(filter, offset + count);
    return { total, tasks: await this.#snapshot.readTasks(rows.slice(offset, offset + count)), dangling: 0 };
  }

  /** All matching tasks, newest first, in pieces while more are wanted. `total` is that of the whole. */
  async *newest(filter: TaskFilter, left: () => number): AsyncGenerator<TaskPage> {
    const { rows, total } = await this.#sorted(filter, Number.POSITIVE_INFINITY);
    if (total === 0) yield { total, tasks: [], dangling: 0 };
    for (let at = 0; at < total && left() > 0; at += STEP) {
      yield { total, tasks: await this.#snapshot.readTasks(rows.slice(at, at + STEP)), dangling: 0 };
    }
  }

  async find(ids: readonly TaskId[]): Promise<(Task | undefined)[]> {
    return (await this.#snapshot.recordsOf(ids)).map((task) => task ?? undefined);
  }

  /** The first `count` rows that pass a filter. Sorting all of a million rows would take longer than to read them. */
  async #sorted(filter: TaskFilter, count: number): Promise<{ rows: Uint32Array; total: number }> {
    const order = await this.#orderOf(filter);
    let top: number[] = [];
    let last: number | undefined;
    let total = 0;
    for (const row of await this.#passing(filter)) {
      total++;
      if (last !== undefined && order(row, last) > 0) continue;
      top.push(row);
      if (top.length < 2 * count + STEP) continue;
      top = top.sort(order).slice(0, count);
      last = top.at(-1);
    }
    return { rows: Uint32Array.from(top).sort(order).subarray(0, count), total };
  }

  /** Newest first; tasks of one user by their `created_at`, which only the records have, if Redis has them like that. */
  async #orderOf(filter: TaskFilter): Promise<(a: number, b: number) => number> {
    const { rows, rules } = this.#snapshot;
    if (soleUser(filter) === undefined || rules.userScoredBy !== "created_at") return (a, b) => rows.compare(a, b);
    const times = rules.times();
    const created = new Map<number, number>();
    for (const some of batches(matchingRows(this.#snapshot, filter), STEP)) {
      const tasks = await this.#snapshot.readTasks(some);
      some.forEach((row, i) => void created.set(row, createdScore(tasks[i]!, times)));
    }
    return (a, b) => created.get(b)! - created.get(a)! || rows.compareKeys(a, b);
  }

  /** The rows that pass, in file order. Those that match are read if the filter has fields, which rows don't have. */
  async #passing(filter: TaskFilter): Promise<Iterable<number>> {
    const matching = matchingRows(this.#snapshot, filter);
    if (filter.fields.size === 0) return matching;
    const passing: number[] = [];
    for (const rows of batches(matching, STEP)) {
      const tasks = await this.#snapshot.readTasks(rows);
      rows.forEach((row, i) => void (passes(tasks[i]!, filter) && passing.push(row)));
    }
    return passing;
  }
}

/** The live rows that pass a filter but for its fields, in file order. */
export function* matchingRows(snapshot: Snapshot, filter: TaskFilter): Generator<number> {
  const passes = rowFilter(snapshot, filter);
  for (const row of snapshot.liveRows()) if (passes(row)) yield row;
}

/** Whether a live row passes a filter but for its fields. */
export function rowFilter({ rows }: Snapshot, filter: TaskFilter): (row: number) => boolean {
  const users = [...filter.users].map((user) => Buffer.from(user));
  const wanted = STATUS_CODES.map((word) => filter.statuses.size === 0 || filter.statuses.has(word));
  return (row) => {
    if (!wanted[rows.status(row)] || !timePasses(rows.score(row), filter)) return false;
    return users.length === 0 || users.some((user) => rows.keys.hasUser(rows.key(row), user));
  };
}
