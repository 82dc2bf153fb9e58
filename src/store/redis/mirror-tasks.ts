import { TtsctlError } from "../../errors.ts";
import { passes, soleUser, statusPasses, type TaskFilter, timePasses, userPasses } from "../../task/filter.ts";
import type { Task } from "../../task/task.ts";
import type { TaskId, TaskPage, TaskSource } from "../task-source.ts";
import type { Outcome } from "./copies.ts";
import type { Member } from "./members.ts";
import type { Mirror } from "./mirror.ts";

/** How many members of an index one step of a filtered list looks at. */
const STEP = 1000;

/** The tasks of the mirror, with another source behind it for members whose hash is gone. */
export class MirrorTasks implements TaskSource {
  readonly #mirror: Mirror;
  readonly #behind: TaskSource | null;
  /** The tasks that came from the source behind. */
  readonly filled = new Set<Task>();

  constructor(mirror: Mirror, behind: TaskSource | null) {
    this.#mirror = mirror;
    this.#behind = behind;
  }

  async page(filter: TaskFilter, offset: number, count: number): Promise<TaskPage> {
    if (needsWalk(filter)) return this.#filteredPage(filter, offset, count);
    const page = await this.#mirror.page({ userId: soleUser(filter), range: filter, offset, count });
    const found = await this.#filledUp(page.members, page.tasks.map(usable));
    const tasks = found.filter((task) => task !== undefined);
    return { total: page.total, tasks, dangling: found.length - tasks.length };
  }

  /**
   * All that pass, newest first, as long as more are wanted, in pieces; `total` is that of the whole. Tasks that change
   * meanwhile may come twice; one that stays as it is comes once at least.
   */
  async *newest(filter: TaskFilter, left: () => number): AsyncGenerator<TaskPage> {
    const { total } = await this.page(filter, 0, 0);
    if (total === 0) yield { total, tasks: [], dangling: 0 };
    const user = soleUser(filter);
    for (let { rank } = await this.#mirror.stretch(user, filter); left() > 0; ) {
      const members = await this.#mirror.newest(user, rank, STEP);
      const last = members.at(-1);
      if (last === undefined) return;
      const within = members.filter(({ score }) => timePasses(score, filter));
      if (within.length === 0 && last.score < (filter.since ?? Number.NEGATIVE_INFINITY)) return;
      const unfiltered = { passing: within, gone: 0 };
      const { passing, gone } = needsWalk(filter) ? await this.#passing(within, filter) : unfiltered;
      const found = await this.find(passing);
      const tasks = found.filter((task) => task !== undefined);
      yield { total, tasks, dangling: gone + found.length - tasks.length };
      rank = await this.#nextRank(user, last, rank);
    }
  }

  /** The rank to go on from: behind the last member, wherever it stands now; where it went, this stretch once more. */
  async #nextRank(userId: string | undefined, last: Member, rank: number): Promise<number> {
    const now = await this.#mirror.rank(userId, last);
    return now !== null && now >= rank ? now + 1 : rank;
  }

  async find(ids: readonly TaskId[]): Promise<(Task | undefined)[]> {
    return this.#filledUp(ids, (await this.#mirror.read(ids)).map(usable));
  }

  /** With what the source behind has of the tasks that are missing. */
  async #filledUp(ids: readonly TaskId[], tasks: (Task | undefined)[]): Promise<(Task | undefined)[]> {
    const gone = ids.filter((_, i) => tasks[i] === undefined);
    if (gone.length === 0 || this.#behind === null) return tasks;
    const behind = await this.#behind.find(gone);
    for (const task of behind) if (task !== undefined) this.filled.add(task);
    const next = behind[Symbol.iterator]();
    return tasks.map((task) => task ?? (next.next().value as Task | undefined));
  }

  /** No index knows the status, or has several users, so the whole stretch is looked at, step by step. */
  async #filteredPage(filter: TaskFilter, offset: number, count: number): Promise<TaskPage> {
    const user = soleUser(filter);
    const stretch = await this.#mirror.stretch(user, filter);
    const page: TaskId[] = [];
    let total = 0;
    let dangling = 0;
    for (let done = 0; done < stretch.total; done += STEP) {
      const ids = await this.#mirror.newest(user, stretch.rank + done, Math.min(STEP, stretch.total - done));
      if (ids.length === 0) break;
      const { passing, gone } = await this.#passing(ids, filter);
      page.push(...passing.slice(Math.max(0, offset - total), Math.max(0, offset + count - total)));
      total += passing.length;
      dangling += gone;
    }
    const found = await this.find(page);
    const tasks = found.filter((task) => task !== undefined);
    return { total, tasks, dangling: dangling + found.length - tasks.length };
  }

  async #passing(members: readonly TaskId[], filter: TaskFilter): Promise<{ passing: TaskId[]; gone: number }> {
    const ids = members.filter(({ userId }) => userPasses(userId, filter));
    const statuses = (await this.#mirror.statuses(ids)).map(usable);
    const unclear = ids.filter((_, i) => statuses[i] == null);
    const whole = new Map((await this.find(unclear)).map((task, i) => [unclear[i], task]));
    const passing = ids.filter((id, i) => {
      const task = whole.get(id);
      return statuses[i] != null ? statusPasses(statuses[i], filter) : task !== undefined && passes(task, filter);
    });
    return { passing, gone: [...whole.values()].filter((task) => task === undefined).length };
  }
}

/** Whether an index alone does not say what passes. */
function needsWalk({ users, statuses }: TaskFilter): boolean {
  return statuses.size > 0 || users.size > 1;
}

/** A key of the wrong type is no copy. */
function usable<T>(outcome: Outcome<T>): T | undefined {
  return outcome instanceof TtsctlError ? undefined : outcome;
}
