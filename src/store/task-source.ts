import type { TaskId } from "../task/ids.ts";
import type { Sort, TaskFilter } from "../task/query-fields.ts";
import type { Task } from "../task/task.ts";

/** One stretch of the tasks that pass a filter, newest first. */
export interface TaskPage {
  /** How many pass in all. */
  readonly total: number;
  readonly tasks: Task[];
  /** The scores of the tasks in the index whose order they have; a file has them in the order of their records' times. */
  readonly scores?: ReadonlyMap<Task, number>;
  /** Index members of this stretch that have no task. */
  readonly dangling: number;
  /** How many of them have a name that isn't UTF-8. */
  readonly unnamed?: number;
  readonly stopped?: Stopped | undefined;
}

/** Where a search stopped before its end: after the newest so many tasks. */
export interface Stopped {
  readonly looked: number;
  /** The `until` to go on with, ISO 8601 in UTC. Null if no time has only unread tasks before it. */
  readonly at: string | null;
}

/** Where tasks are read from. The order, unless another is asked for, is `updated_at` descending, ties by `user:task`, bytewise descending. */
export interface TaskSource {
  page(filter: TaskFilter, offset: number, count: number, sort?: Sort): Promise<TaskPage>;
  /** All tasks that pass, in pieces while more are wanted; `total` is that of the whole. Tasks that change may come twice. */
  newest(filter: TaskFilter, left: () => number, sort?: Sort): AsyncGenerator<TaskPage>;
  /** Each task or undefined, in the order asked. */
  find(ids: readonly TaskId[]): Promise<(Task | undefined)[]>;
}
