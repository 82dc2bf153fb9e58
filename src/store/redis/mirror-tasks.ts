import { systemClock } from "../../clock.ts";
import { TtsctlError } from "../../errors.ts";
import { fillIn } from "../../pool.ts";
import { keyOf, type TaskId } from "../../task/ids.ts";
import { mayPass, needsRecord, recordPasses, type Sort, soleUser, type TaskFilter } from "../../task/query-fields.ts";
import { createdScore, type Task } from "../../task/task.ts";
import { KeyTable } from "../key-table.ts";
import type { Stopped, TaskPage, TaskSource } from "../task-source.ts";
import type { Outcome } from "./copies.ts";
import type { Mirror } from "./mirror.ts";
import { type IndexRange, isUnsure, type Member, STEP } from "./walk.ts";

const MOST_WALKS = 3;

/** The tasks of the mirror, with another source behind it for members whose hash is gone. */
export function mirrorTasks(
  mirror: Mirror,
  behind: Pick<TaskSource, "find"> | null,
  signal?: AbortSignal,
): TaskSource & { readonly filled: Set<Task> } {
  /** The tasks that came from the source behind. */
  const filled = new Set<Task>();

  /** Each task, from the source behind if the mirror lacks it. */
  async function find(ids: readonly TaskId[]): Promise<(Task | undefined)[]> {
    const tasks = (await mirror.read(ids)).map(usable);
    if (behind === null) return tasks;
    const own = (_: TaskId, i: number) => tasks[i];
    return fillIn(ids, own, async (gone) => {
      const found = await behind.find(gone);
      for (const task of found) if (task !== undefined) filled.add(task);
      return found;
    });
  }

  /** The ids of all that pass, sorted: a million take some 100 MB. */
  async function sorted(filter: TaskFilter, sort: Sort | undefined, hasTimes: boolean) {
    const { orderBy, SearchLimit } = await import("../task-order.ts");
    const by = sort ?? naturalOrder(hasTimes);
    const isNatural = by === naturalOrder(hasTimes); // so they come in order, but for those that change during the walk
    let [isSorted, last] = [isNatural, Number.POSITIVE_INFINITY];
    const { rules, times } = mirror.parser;
    const keys = new KeyTable(rules.memberOrder);
    const scores: number[] = [];
    const lost: Member[] = [];
    const limit = filter.search === undefined ? null : new SearchLimit();
    let stopped: Stopped | undefined;
    for await (const { looked, passing, gone } of walkPassing(filter, () => limit?.stopped !== undefined)) {
      const created = by === "created" && !isNatural ? await find(passing) : null;
      const timed = by === "updated" && !isNatural ? await mirror.withChangeTimes(passing) : passing;
      for (const [i, { userId, taskId, score }] of timed.entries()) {
        const task = created?.[i];
        isSorted &&= score <= last;
        last = score;
        scores[keys.addId(userId, taskId)] = task === undefined ? score : createdScore(task, times);
      }
      lost.push(...gone);
      filled.clear(); // the caller reads its page again
      if (looked === null) stopped = limit?.stopped;
      else if (looked.length > 0) limit?.count(looked.length, looked[0]!.score, looked.at(-1)!.score);
    }
    if (stopped !== undefined && !hasTimes) stopped = { ...stopped, at: null }; // the rest may be newer
    const order = Int32Array.from({ length: keys.size }, (_, key) => key);
    const time = (key: number) => scores[key]!;
    if (!isSorted) order.sort(orderBy(by, keys, (key) => key, time));
    const members = (from: number, end: number): Member[] =>
      Array.from(order.subarray(from, end), (key) => ({ ...keys.id(key), score: scores[key]! }));
    return { total: keys.size, members, lost, stopped };
  }

  /** The range of an index that has all that passes, and whether its scores are the times that the filter means. */
  function rangeOf(filter: TaskFilter): { range: IndexRange; hasTimes: boolean } {
    const userId = soleUser(filter);
    const hasTimes = userId === undefined || mirror.layout.userScoredBy === "updated_at";
    const { since, until } = hasTimes ? filter : { since: null, until: null };
    return { range: { userId, since, until }, hasTimes };
  }

  /** Members of a range, newest first; last those that were changed during the walk, and so moved to what was read before. */
  async function* membersIn(range: IndexRange): AsyncGenerator<readonly Member[]> {
    let known = new Set<unknown>(); // the first of the last walk, at most STEP
    for (let [since, walks] = [range.since, 0]; walks < MOST_WALKS; walks++) {
      const now = systemClock.now(); // some may be from the future
      const top = new Set<unknown>();
      let [count, newest] = [0, now];
      for await (const members of mirror.walkInOrder({ ...range, since })) {
        if (count === 0) newest = Math.min(now, members[0]?.score ?? now);
        for (const member of members) if (member.score >= newest && top.size <= STEP) top.add(keyOf(member));
        count += members.length;
        yield members.filter((member) => !known.has(keyOf(member)));
      }
      if (count < STEP) return; // so few come in one reply
      [known, since] = [top, top.size > STEP ? newest + 1e-6 : newest];
    }
  }

  /** The members that pass, newest first, and those without a task. @param isOver ends the walk, with a step that has null for what it looked at */
  async function* walkPassing(filter: TaskFilter, isOver = () => false) {
    const { range, hasTimes } = rangeOf(filter);
    for await (const members of hasTimes ? membersIn(range) : mirror.walkInOrder(range)) {
      signal?.throwIfAborted();
      if (members.length > 0 && isOver()) {
        yield { looked: null, passing: [], gone: [] };
        return;
      }
      const timed = hasTimes ? members : await mirror.withChangeTimes(members);
      const ids = members.filter(({ userId }, i) => mayPass({ userId, score: timed[i]!.score }, filter));
      if (!hasMore(filter)) {
        yield { looked: ids, passing: ids, gone: [] };
        continue;
      }
      const statuses = needsRecord(filter) ? [] : (await mirror.statuses(ids)).map(usable);
      const unclear = ids.filter((_, i) => statuses[i] == null);
      const whole = new Map((await find(unclear)).map((task, i) => [unclear[i], task]));
      const passing = ids.filter((id, i) => {
        const task = whole.get(id);
        const status = statuses[i] ?? task?.status;
        if (status === undefined || !mayPass({ status }, filter)) return false;
        return task === undefined || recordPasses(task, filter);
      });
      yield { looked: ids, passing, gone: unclear.filter((id) => whole.get(id) === undefined) };
    }
  }

  return {
    async page(filter, offset, count, sort) {
      const { range, hasTimes } = rangeOf(filter);
      if (isRange(filter, sort, hasTimes)) {
        const { total, members } = await mirror.page(range, offset, count);
        return { total, ...pageOf(members, await find(members)) };
      }
      const { members, lost, ...all } = await sorted(filter, sort, hasTimes);
      const page = members(offset, offset + count);
      return { ...all, ...pageOf([...page, ...lost], await find(page)) };
    },

    async *newest(filter, left, sort) {
      const { range, hasTimes } = rangeOf(filter);
      if (!isRange(filter, sort, hasTimes)) {
        const { members, lost, ...all } = await sorted(filter, sort, hasTimes);
        for (let at = 0; at === 0 || (at < all.total && left() > 0); at += STEP) {
          const some = members(at, at + STEP);
          yield { ...all, ...pageOf([...some, ...lost.splice(0)], await find(some)) };
        }
        return;
      }
      const { total } = await mirror.page(range, 0, 0);
      if (total === 0) yield { total, tasks: [], dangling: 0 };
      for await (const { passing, gone } of walkPassing(filter)) {
        yield { total, ...pageOf([...passing, ...gone], await find(passing)) };
        if (left() <= 0) return;
      }
    },

    find,
    filled,
  };
}

/** The order of the index that is read. @param hasTimes whether its scores are `updated_at` */
function naturalOrder(hasTimes: boolean): Sort {
  return hasTimes ? "updated" : "created";
}

/** Whether a filter asks for more than indexes have. */
function hasMore(filter: TaskFilter): boolean {
  return filter.statuses.size > 0 || needsRecord(filter);
}

/** Whether the tasks that pass are one range of an index, in its order. */
function isRange(filter: TaskFilter, sort: Sort | undefined, hasTimes: boolean): boolean {
  const { users, since, until } = filter;
  if (hasMore(filter) || filter.search !== undefined || users.size > 1) return false;
  return (sort === undefined || sort === naturalOrder(hasTimes)) && (hasTimes || (since === null && until === null));
}

/** The tasks of members, and how many have none. @param found of the first of them; the others have none */
function pageOf(members: readonly Member[], found: readonly (Task | undefined)[]): Omit<TaskPage, "total"> {
  const gone = members.filter((_, i) => found[i] === undefined);
  const unnamed = gone.filter(({ userId, taskId }) => isUnsure(userId) || isUnsure(taskId)).length;
  const scores = new Map(found.flatMap((task, i) => (task === undefined ? [] : [[task, members[i]!.score]])));
  return { tasks: [...scores.keys()], scores, dangling: gone.length, unnamed };
}

/** A key of the wrong type doesn't count as a copy. */
function usable<T>(outcome: Outcome<T>): T | undefined {
  return outcome instanceof TtsctlError ? undefined : outcome;
}
