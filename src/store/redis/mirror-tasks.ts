import { TtsctlError } from "../../errors.ts";
import { passes, soleUser, statusPasses, type TaskFilter, timePasses, userPasses } from "../../task/filter.ts";
import type { Task } from "../../task/task.ts";
import type { TaskId, TaskPage, TaskSource } from "../task-source.ts";
import type { Outcome } from "./copies.ts";
import { isUnsure, type Member, type ScoreRange } from "./members.ts";
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
    const user = soleUser(filter);
    if (user !== undefined) await this.#mirror.detect();
    if (needsWalk(filter) || !this.#indexHasTimes(filter)) return this.#filteredPage(filter, offset, count);
    const page = await this.#mirror.page({ userId: user, range: filter, offset, count });
    const found = await this.#filledUp(page.members, page.tasks.map(usable));
    return { total: page.total, ...sorted(page.members, found) };
  }

  /**
   * All that pass, newest first, as long as more are wanted, in pieces; `total` is that of the whole. Tasks that change
   * meanwhile may come twice; one that stays as it is comes once at least.
   */
  async *newest(filter: TaskFilter, left: () => number): AsyncGenerator<TaskPage> {
    const { total } = await this.page(filter, 0, 0);
    if (total === 0) yield { total, tasks: [], dangling: 0 };
    const user = soleUser(filter);
    const range = this.#rangeOf(filter);
    for (let { rank } = await this.#mirror.stretch(user, range); left() > 0; ) {
      const members = await this.#mirror.newest(user, rank, STEP);
      const last = members.at(-1);
      if (last === undefined) return;
      const within = await this.#within(members, filter);
      if (within.length === 0 && last.score < (range.since ?? Number.NEGATIVE_INFINITY)) return;
      const { passing, gone } = await this.#passing(within, filter);
      yield { total, ...sorted([...passing, ...gone], await this.find(passing)) };
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
    const stretch = await this.#mirror.stretch(user, this.#rangeOf(filter));
    const page: TaskId[] = [];
    let total = 0;
    const lost: TaskId[] = [];
    for (let done = 0; done < stretch.total; done += STEP) {
      const ids = await this.#mirror.newest(user, stretch.rank + done, Math.min(STEP, stretch.total - done));
      if (ids.length === 0) break;
      const { passing, gone } = await this.#passing(await this.#within(ids, filter), filter);
      page.push(...passing.slice(Math.max(0, offset - total), Math.max(0, offset + count - total)));
      total += passing.length;
      lost.push(...gone);
    }
    return { total, ...sorted([...page, ...lost], await this.find(page)) };
  }

  /** Whether since and until can be looked up in the index, because the time of the last change scores it. */
  #indexHasTimes(filter: TaskFilter): boolean {
    const isScoredByThem = soleUser(filter) === undefined || this.#mirror.layout.userScoredBy === "updated_at";
    return isScoredByThem || (filter.since === null && filter.until === null);
  }

  /** The stretch of the index that can hold what passes. */
  #rangeOf(filter: TaskFilter): ScoreRange {
    return this.#indexHasTimes(filter) ? filter : { since: null, until: null };
  }

  async #within(members: readonly Member[], filter: TaskFilter): Promise<Member[]> {
    const timed = this.#indexHasTimes(filter) ? members : await this.#mirror.withChangeTimes(members);
    return timed.filter(({ score }) => timePasses(score, filter));
  }

  async #passing(members: readonly TaskId[], filter: TaskFilter): Promise<{ passing: TaskId[]; gone: TaskId[] }> {
    const ids = members.filter(({ userId }) => userPasses(userId, filter));
    if (filter.statuses.size === 0) return { passing: ids, gone: [] };
    const statuses = (await this.#mirror.statuses(ids)).map(usable);
    const unclear = ids.filter((_, i) => statuses[i] == null);
    const whole = new Map((await this.find(unclear)).map((task, i) => [unclear[i], task]));
    const passing = ids.filter((id, i) => {
      const task = whole.get(id);
      return statuses[i] != null ? statusPasses(statuses[i], filter) : task !== undefined && passes(task, filter);
    });
    return { passing, gone: unclear.filter((id) => whole.get(id) === undefined) };
  }
}

/** What was found of members, and how many have no task. @param found of the first of them; the others have none */
function sorted(ids: readonly TaskId[], found: readonly (Task | undefined)[]): Omit<TaskPage, "total"> {
  const gone = ids.filter((_, i) => found[i] === undefined);
  const unnamed = gone.filter(({ userId, taskId }) => isUnsure(userId) || isUnsure(taskId)).length;
  return { tasks: found.filter((task) => task !== undefined), dangling: gone.length, unnamed };
}

/** Whether an index alone doesn't determine what passes. */
function needsWalk({ users, statuses }: TaskFilter): boolean {
  return statuses.size > 0 || users.size > 1;
}

/** A key of the wrong type is no copy. */
function usable<T>(outcome: Outcome<T>): T | undefined {
  return outcome instanceof TtsctlError ? undefined : outcome;
}
