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
    if (this.#isByCreation(filter)) {
      const rows = await this.#latestCreated(filter);
      return {
        total: rows.length,
        tasks: await this.#snapshot.readTasks(rows.subarray(offset, offset + count)),
        dangling: 0,
      };
    }
    const { rows, total } = await this.#newestRows(filter, offset + count);
    return { total, tasks: await this.#snapshot.readTasks(rows.slice(offset)), dangling: 0 };
  }

  /** All matching tasks, newest first, in pieces while more are wanted. `total` is that of the whole. */
  async *newest(filter: TaskFilter, left: () => number): AsyncGenerator<TaskPage> {
    const rows = await this.#sorted(filter);
    const [total, dangling] = [rows.length, 0];
    if (total === 0) yield { total, tasks: [], dangling };
    for (let at = 0; at < rows.length && left() > 0; at += STEP) {
      const tasks = await this.#snapshot.readTasks(rows.subarray(at, at + STEP));
      yield { total, tasks, dangling };
    }
  }

  #isByCreation(filter: TaskFilter): boolean {
    return soleUser(filter) !== undefined && this.#snapshot.rules.userScoredBy === "created_at";
  }

  async #sorted(filter: TaskFilter): Promise<Uint32Array> {
    if (this.#isByCreation(filter)) return this.#latestCreated(filter);
    const rows = Uint32Array.from(await this.#passing(filter));
    return rows.sort((a, b) => this.#snapshot.rows.compare(a, b));
  }

  /** The matching rows of one user, latest `created_at` first, which only the records have. */
  async #latestCreated(filter: TaskFilter): Promise<Uint32Array> {
    const { rows, rules } = this.#snapshot;
    const times = rules.times();
    const matching = [...(await this.#passing(filter))];
    const created = new Map<number, number>();
    for (let at = 0; at < matching.length; at += STEP) {
      const some = matching.slice(at, at + STEP);
      const tasks = await this.#snapshot.readTasks(some);
      some.forEach((row, i) => void created.set(row, createdScore(tasks[i]!, times)));
    }
    const order = (a: number, b: number) => created.get(b)! - created.get(a)! || rows.compareKeys(a, b);
    return Uint32Array.from(matching.sort(order));
  }

  async find(ids: readonly TaskId[]): Promise<(Task | undefined)[]> {
    return (await this.#snapshot.recordsOf(ids)).map((task) => task ?? undefined);
  }

  /** The newest `count` of the rows that pass a filter. Sorting all of a million rows would take longer than to read them. */
  async #newestRows(filter: TaskFilter, count: number): Promise<{ rows: number[]; total: number }> {
    const { rows } = this.#snapshot;
    const order = (a: number, b: number) => rows.compare(a, b);
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
    return { rows: top.sort(order).slice(0, count), total };
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

/** In bytes. */
const WINDOW_SPAN = 4 << 20;

/** Live rows that are near each other in the file. Their bytes are read once, so their tasks can be taken in any order. */
export class RowWindow {
  readonly rows: readonly number[];
  readonly #snapshot: Snapshot;
  #bytes: Promise<Buffer> | undefined;

  private constructor(snapshot: Snapshot, rows: readonly number[]) {
    this.#snapshot = snapshot;
    this.rows = rows;
  }

  /** @param rows in file order */
  static *over(snapshot: Snapshot, rows: Iterable<number>): Generator<RowWindow> {
    for (const group of snapshot.rows.neighbours(rows, WINDOW_SPAN)) yield new RowWindow(snapshot, group);
  }

  /** The tasks of some of the rows, in the order given. @throws TtsctlError STORE_UNREADABLE, STORE_BUSY */
  async tasks(rows: readonly number[]): Promise<Task[]> {
    const from = this.#snapshot.rows.start(this.rows[0]!);
    this.#bytes ??= this.#snapshot.readBytes(from, this.#snapshot.rows.end(this.rows.at(-1)!));
    const bytes = await this.#bytes;
    return rows.map((row) => this.#snapshot.taskIn(bytes, from, row));
  }
}
