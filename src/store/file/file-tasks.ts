import { batches } from "../../pool.ts";
import {
  needsRecord,
  recordPasses,
  type Sort,
  soleUser,
  type TaskFilter,
  timePasses,
} from "../../task/query-fields.ts";
import { createdScore } from "../../task/task.ts";
import type { Stopped, TaskSource } from "../task-source.ts";
import { STATUS_CODES } from "./rows.ts";
import type { Snapshot } from "./snapshot.ts";

/** Tasks in a piece of a long list. */
const STEP = 1000;

/** The tasks of one snapshot of the store file. @param signal ends a long read */
export function fileTasks(snapshot: Snapshot, signal?: AbortSignal): TaskSource {
  /** The first `count` rows that pass a filter. */
  async function sorted(filter: TaskFilter, count: number, sort?: Sort) {
    const order = await orderOf(filter, sort);
    const { passing, stopped } = await found(filter);
    return { ...firstOf(passing, count, order), stopped };
  }

  /** Tasks of one user by their `created_at`, which only the records have, if Redis has them like that. */
  async function orderOf(filter: TaskFilter, sort?: Sort): Promise<(a: number, b: number) => number> {
    const { rows, rules } = snapshot;
    const isByCreation = soleUser(filter) !== undefined && rules.userScoredBy === "created_at";
    const by = sort ?? (isByCreation ? "created" : "updated");
    if (by === "updated") return (a, b) => rows.compare(a, b);
    const keyOf = (row: number) => rows.key(row);
    const { orderBy } = await import("../task-order.ts");
    if (by !== "created") return orderBy(by, rows.keys, keyOf, (row) => rows.score(row));
    const times = rules.times();
    const created = new Float64Array(rows.size);
    for (const some of batches(matchingRows(snapshot, filter), STEP)) {
      signal?.throwIfAborted();
      const tasks = await snapshot.readTasks(some);
      for (const [i, row] of some.entries()) created[row] = createdScore(tasks[i]!, times);
    }
    return orderBy(by, rows.keys, keyOf, (row) => created[row]!);
  }

  /** The rows that pass. Those that match are read if the filter needs more than rows have; a search reads the newest first. */
  async function found(filter: TaskFilter): Promise<{ passing: Iterable<number>; stopped?: Stopped | undefined }> {
    const { rows } = snapshot;
    const matching = () => matchingRows(snapshot, filter);
    if (!needsRecord(filter)) return { passing: matching() };
    const { MOST_SEARCHED, SearchLimit } = await import("../task-order.ts");
    const limit = filter.search === undefined ? null : new SearchLimit();
    const newest = (a: number, b: number) => rows.compare(a, b);
    const due = limit === null ? matching() : sortedBy(newest, matching, MOST_SEARCHED);
    const passing: number[] = [];
    for await (const { some, chosen } of readRows(snapshot, due, filter)) {
      if (limit?.stopped !== undefined) return { passing, stopped: limit.stopped };
      signal?.throwIfAborted();
      passing.push(...chosen);
      limit?.count(some.length, rows.score(some[0]!), rows.score(some.at(-1)!));
    }
    return { passing };
  }

  return {
    async page(filter, offset, count, sort) {
      const { rows, ...all } = await sorted(filter, offset + count, sort);
      return { ...all, tasks: await snapshot.readTasks(rows.slice(offset, offset + count)), dangling: 0 };
    },

    async *newest(filter, left, sort) {
      const { rows, ...all } = await sorted(filter, Number.POSITIVE_INFINITY, sort);
      if (all.total === 0) yield { ...all, tasks: [], dangling: 0 };
      for (let at = 0; at < all.total && left() > 0; at += STEP) {
        yield { ...all, tasks: await snapshot.readTasks(rows.slice(at, at + STEP)), dangling: 0 };
      }
    },

    async find(ids) {
      return (await snapshot.recordsOf(ids)).map((task) => task ?? undefined);
    },
  };
}

/** The first `count` rows in an order. Sorting all of a million rows would take longer than to read them. */
function firstOf(rows: Iterable<number>, count: number, order: (a: number, b: number) => number) {
  let top: number[] = [];
  let last: number | undefined;
  let total = 0;
  for (const row of rows) {
    total++;
    if (last !== undefined && order(row, last) > 0) continue;
    top.push(row);
    if (top.length < 2 * count + STEP) continue;
    top = top.sort(order).slice(0, count);
    last = top.at(-1);
  }
  return { rows: Uint32Array.from(top).sort(order).subarray(0, count), total };
}

/** All rows in an order, those after the first `count` only if the caller takes them: it rarely does. */
function* sortedBy(order: (a: number, b: number) => number, rows: () => Iterable<number>, count: number) {
  const first = firstOf(rows(), count, order);
  yield* first.rows;
  if (first.total > count) yield* firstOf(rows(), Number.POSITIVE_INFINITY, order).rows.subarray(count);
}

/** Rows, some at a time, and those of them whose records pass. */
async function* readRows(snapshot: Snapshot, rows: Iterable<number>, filter: TaskFilter) {
  for (const some of batches(rows, STEP)) {
    const tasks = await snapshot.readTasks(some);
    yield { some, chosen: some.filter((_, i) => recordPasses(tasks[i]!, filter)) };
  }
}

/** The live rows that pass a filter, in file order. */
export async function passingRows(snapshot: Snapshot, filter: TaskFilter): Promise<number[]> {
  const matching = matchingRows(snapshot, filter);
  if (!needsRecord(filter)) return [...matching];
  const passing: number[] = [];
  for await (const { chosen } of readRows(snapshot, matching, filter)) passing.push(...chosen);
  return passing;
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
