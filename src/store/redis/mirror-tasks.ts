import { TtsctlError } from "../../errors.ts";
import { fillIn } from "../../pool.ts";
import { passes, soleUser, statusPasses, type TaskFilter, timePasses, userPasses } from "../../task/query-fields.ts";
import type { Task } from "../../task/task.ts";
import type { TaskId, TaskPage, TaskSource } from "../task-source.ts";
import type { Outcome } from "./copies.ts";
import type { Mirror } from "./mirror.ts";
import { type IndexRange, isUnsure } from "./walk.ts";

/** The tasks of the mirror, with another source behind it for members whose hash is gone. */
export class MirrorTasks implements TaskSource {
  readonly #mirror: Mirror;
  readonly #behind: Pick<TaskSource, "find"> | null;
  /** The tasks that came from the source behind. */
  readonly filled = new Set<Task>();

  constructor(mirror: Mirror, behind: Pick<TaskSource, "find"> | null) {
    this.#mirror = mirror;
    this.#behind = behind;
  }

  async page(filter: TaskFilter, offset: number, count: number): Promise<TaskPage> {
    const { range, hasTimes } = await this.#rangeOf(filter);
    const { users, since, until } = filter;
    if (!hasMore(filter) && users.size <= 1 && (hasTimes || (since === null && until === null))) {
      const { total, members } = await this.#mirror.page(range, offset, count);
      return { total, ...pageOf(members, await this.find(members)) };
    }
    const [page, lost]: [TaskId[], TaskId[]] = [[], []];
    let total = 0;
    for await (const { passing, gone } of this.#passing(filter)) {
      page.push(...passing.slice(Math.max(0, offset - total), Math.max(0, offset + count - total)));
      total += passing.length;
      lost.push(...gone);
    }
    return { total, ...pageOf([...page, ...lost], await this.find(page)) };
  }

  /**
   * All tasks that pass, newest first, as long as the caller wants more, in pieces; `total` is that of the whole. Tasks that
   * change during the walk may come twice; tasks that don't come at least once.
   */
  async *newest(filter: TaskFilter, left: () => number): AsyncGenerator<TaskPage> {
    const { total } = await this.page(filter, 0, 0);
    if (total === 0) yield { total, tasks: [], dangling: 0 };
    for await (const { passing, gone } of this.#passing(filter)) {
      yield { total, ...pageOf([...passing, ...gone], await this.find(passing)) };
      if (left() <= 0) return;
    }
  }

  /** Each task, from the source behind if the mirror lacks it. */
  async find(ids: readonly TaskId[]): Promise<(Task | undefined)[]> {
    const tasks = (await this.#mirror.read(ids)).map(usable);
    const behind = this.#behind;
    if (behind === null) return tasks;
    return fillIn(
      ids,
      (_, i) => tasks[i],
      async (gone) => {
        const found = await behind.find(gone);
        for (const task of found) if (task !== undefined) this.filled.add(task);
        return found;
      },
    );
  }

  /** The range of an index that has all that passes, and whether its scores are the times that the filter means. */
  async #rangeOf(filter: TaskFilter): Promise<{ range: IndexRange; hasTimes: boolean }> {
    const userId = soleUser(filter);
    if (userId !== undefined) await this.#mirror.detect();
    const hasTimes = userId === undefined || this.#mirror.layout.userScoredBy === "updated_at";
    const { since, until } = hasTimes ? filter : { since: null, until: null };
    return { range: { userId, since, until }, hasTimes };
  }

  /** The members that pass, newest first, and those without a task: an index has only times, and one or all users. */
  async *#passing(filter: TaskFilter): AsyncGenerator<{ passing: TaskId[]; gone: TaskId[] }> {
    const { range, hasTimes } = await this.#rangeOf(filter);
    for await (const members of this.#mirror.walkInOrder(range)) {
      const timed = hasTimes ? members : await this.#mirror.withChangeTimes(members);
      const ids = timed.filter(({ userId, score }) => userPasses(userId, filter) && timePasses(score, filter));
      if (!hasMore(filter)) {
        yield { passing: ids, gone: [] };
        continue;
      }
      const statuses = filter.fields.size > 0 ? [] : (await this.#mirror.statuses(ids)).map(usable);
      const unclear = ids.filter((_, i) => statuses[i] == null);
      const whole = new Map((await this.find(unclear)).map((task, i) => [unclear[i], task]));
      const passing = ids.filter((id, i) => {
        const task = whole.get(id);
        return statuses[i] != null ? statusPasses(statuses[i], filter) : task !== undefined && passes(task, filter);
      });
      yield { passing, gone: unclear.filter((id) => whole.get(id) === undefined) };
    }
  }
}

/** Whether a filter asks for more than indexes have. */
function hasMore({ statuses, fields }: TaskFilter): boolean {
  return statuses.size + fields.size > 0;
}

/** The tasks of members, and how many have none. @param found of the first of them; the others have none */
function pageOf(ids: readonly TaskId[], found: readonly (Task | undefined)[]): Omit<TaskPage, "total"> {
  const gone = ids.filter((_, i) => found[i] === undefined);
  const unnamed = gone.filter(({ userId, taskId }) => isUnsure(userId) || isUnsure(taskId)).length;
  return { tasks: found.filter((task) => task !== undefined), dangling: gone.length, unnamed };
}

/** A key of the wrong type doesn't count as a copy. */
function usable<T>(outcome: Outcome<T>): T | undefined {
  return outcome instanceof TtsctlError ? undefined : outcome;
}
