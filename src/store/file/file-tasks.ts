import { soleUser, type TaskFilter, timePasses } from "../../task/filter.ts";
import { createdScore, type Task } from "../../task/task.ts";
import type { TaskId, TaskPage, TaskSource } from "../task-source.ts";
import { STATUS_CODES } from "./rows.ts";
import type { Snapshot } from "./snapshot.ts";

/** How many tasks a piece of a long list has. */
const STEP = 1000;

/** The tasks of one snapshot of the store file. */
export class FileTasks implements TaskSource {
  readonly #snapshot: Snapshot;

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
  }

  async page(filter: TaskFilter, offset: number, count: number): Promise<TaskPage> {
    if (this.#isByCreation(filter)) {
      const rows = await this.#latestCreated(filter);
      return { total: rows.length, tasks: await this.#read(rows.subarray(offset, offset + count)), dangling: 0 };
    }
    const top = new NewestRows(this.#snapshot, offset + count);
    let total = 0;
    for (const row of matchingRows(this.#snapshot, filter)) {
      total++;
      top.add(row);
    }
    return { total, tasks: await this.#snapshot.readTasks(top.sorted().slice(offset)), dangling: 0 };
  }

  /** All that pass, newest first, as long as more are wanted, in pieces; `total` is that of the whole. */
  async *newest(filter: TaskFilter, left: () => number): AsyncGenerator<TaskPage> {
    const rows = await this.#sorted(filter);
    const [total, dangling] = [rows.length, 0];
    if (total === 0) yield { total, tasks: [], dangling };
    for (let at = 0; at < rows.length && left() > 0; at += STEP) {
      const tasks = await this.#read(rows.subarray(at, at + STEP));
      yield { total, tasks, dangling };
    }
  }

  #isByCreation(filter: TaskFilter): boolean {
    return soleUser(filter) !== undefined && this.#snapshot.rules.userScoredBy === "created_at";
  }

  async #sorted(filter: TaskFilter): Promise<Uint32Array> {
    if (this.#isByCreation(filter)) return this.#latestCreated(filter);
    const rows = Uint32Array.from(matchingRows(this.#snapshot, filter));
    return rows.sort((a, b) => this.#snapshot.rows.compare(a, b));
  }

  /** The matching rows of one user, latest `created_at` first, which only the records have. */
  async #latestCreated(filter: TaskFilter): Promise<Uint32Array> {
    const { rows, rules } = this.#snapshot;
    const times = rules.times();
    const matching = [...matchingRows(this.#snapshot, filter)];
    const created = new Map<number, number>();
    for (let at = 0; at < matching.length; at += STEP) {
      const some = matching.slice(at, at + STEP);
      const tasks = await this.#snapshot.readTasks(some);
      some.forEach((row, i) => void created.set(row, createdScore(tasks[i]!, times)));
    }
    const order = (a: number, b: number) => created.get(b)! - created.get(a)! || rows.compareKeys(a, b);
    return Uint32Array.from(matching.sort(order));
  }

  #read(rows: Uint32Array): Promise<Task[]> {
    return this.#snapshot.readTasks([...rows]);
  }

  async find(ids: readonly TaskId[]): Promise<(Task | undefined)[]> {
    const rows = ids.map(({ userId, taskId }) => this.#snapshot.rowOf(userId, taskId));
    const found = [...new Set(rows.filter((row) => row >= 0))].sort((a, b) => a - b);
    const tasks = await this.#snapshot.readTasks(found);
    const byRow = new Map(found.map((row, i) => [row, tasks[i]!]));
    return rows.map((row) => byRow.get(row));
  }
}

/** The live rows that pass a filter, in file order. */
export function* matchingRows(snapshot: Snapshot, filter: TaskFilter): Generator<number> {
  const passes = rowFilter(snapshot, filter);
  for (const row of snapshot.liveRows()) if (passes(row)) yield row;
}

/** Whether a live row passes a filter. */
export function rowFilter({ rows }: Snapshot, filter: TaskFilter): (row: number) => boolean {
  const users = [...filter.users].map((user) => Buffer.from(user));
  const wanted = STATUS_CODES.map((word) => filter.statuses.size === 0 || filter.statuses.has(word));
  return (row) => {
    if (!wanted[rows.status(row)] || !timePasses(rows.score(row), filter)) return false;
    return users.length === 0 || users.some((user) => rows.keys.hasUser(rows.key(row), user));
  };
}

/** The newest `limit` rows of those added: a heap with the oldest of them on top. */
class NewestRows {
  readonly #snapshot: Snapshot;
  readonly #limit: number;
  readonly #heap: number[] = [];

  constructor(snapshot: Snapshot, limit: number) {
    this.#snapshot = snapshot;
    this.#limit = limit;
  }

  add(row: number): void {
    const heap = this.#heap;
    if (heap.length < this.#limit) {
      heap.push(row);
      this.#rise(heap.length - 1);
    } else if (this.#limit > 0 && this.#order(row, heap[0]!) < 0) {
      heap[0] = row;
      this.#sink(0);
    }
  }

  sorted(): number[] {
    return [...this.#heap].sort((a, b) => this.#order(a, b));
  }

  #order(a: number, b: number): number {
    return this.#snapshot.rows.compare(a, b);
  }

  #rise(from: number): void {
    for (let at = from; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (this.#order(this.#heap[at]!, this.#heap[parent]!) <= 0) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #sink(from: number): void {
    for (let at = from; ; ) {
      let oldest = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.#heap.length && this.#order(this.#heap[child]!, this.#heap[oldest]!) > 0) oldest = child;
      }
      if (oldest === at) return;
      this.#swap(at, oldest);
      at = oldest;
    }
  }

  #swap(a: number, b: number): void {
    [this.#heap[a], this.#heap[b]] = [this.#heap[b]!, this.#heap[a]!];
  }
}
