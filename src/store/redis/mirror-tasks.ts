import { TtsctlError } from "../../errors.ts";
import { passes, statusPasses, type TaskFilter } from "../../task/filter.ts";
import type { Task } from "../../task/task.ts";
import type { TaskId, TaskPage, TaskSource } from "../task-source.ts";
import type { Mirror, Outcome } from "./mirror.ts";

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
    const { rank, total } = await this.#mirror.stretch(filter.userId, filter);
    if (filter.statuses.size > 0) return this.#filteredPage(filter, { rank, total }, offset, count);
    const ids = await this.#mirror.newest(filter.userId, rank + offset, Math.max(0, Math.min(count, total - offset)));
    const found = await this.find(ids);
    const tasks = found.filter((task) => task !== undefined);
    return { total, tasks, dangling: found.length - tasks.length };
  }

  async find(ids: readonly TaskId[]): Promise<(Task | undefined)[]> {
    const tasks = (await this.#mirror.read(ids)).map(usable);
    const gone = ids.filter((_, i) => tasks[i] === undefined);
    if (gone.length === 0 || this.#behind === null) return tasks;
    const behind = await this.#behind.find(gone);
    for (const task of behind) if (task !== undefined) this.filled.add(task);
    const next = behind[Symbol.iterator]();
    return tasks.map((task) => task ?? (next.next().value as Task | undefined));
  }

  /** No index knows the status, so the whole stretch is looked at, step by step. */
  async #filteredPage(
    filter: TaskFilter,
    stretch: { rank: number; total: number },
    offset: number,
    count: number,
  ): Promise<TaskPage> {
    const page: TaskId[] = [];
    let total = 0;
    let dangling = 0;
    for (let done = 0; done < stretch.total; done += STEP) {
      const ids = await this.#mirror.newest(filter.userId, stretch.rank + done, Math.min(STEP, stretch.total - done));
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

  async #passing(ids: readonly TaskId[], filter: TaskFilter): Promise<{ passing: TaskId[]; gone: number }> {
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

/** A key of the wrong type is no copy. */
function usable<T>(outcome: Outcome<T>): T | undefined {
  return outcome instanceof TtsctlError ? undefined : outcome;
}
