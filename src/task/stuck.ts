import { formatAge } from "./amounts.ts";
import { memberOf, type TaskId } from "./ids.ts";
import { UNFINISHED } from "./status.ts";
import type { Task } from "./task.ts";

/** For people. */
export const STUCK = "in wait or run, and not changed for longer than [cleanup] stuck_after";

/** When a task that is not finished counts as stuck. */
export interface StuckRule {
  /** Epoch seconds. */
  readonly now: number;
  /** Seconds without a change; zero or negative: no task ever is stuck. */
  readonly after: number;
}

/** With the shown status, `wait` or `run`. */
type StuckTask = Pick<Task, "userId" | "taskId" | "status" | "score">;

/** How many stuck tasks are kept by name; the others are counted. */
const NAMED_STUCK = 10;

/** Most likely, the service that worked on the task has died. @param status the shown word */
export function isStuck(status: string, score: number, { now, after }: StuckRule): boolean {
  return after > 0 && UNFINISHED.includes(status) && score < now - after;
}

/** Stuck tasks: all counted, those that wait longest by name. */
export class StuckTasks {
  /** The oldest first. */
  readonly named: StuckTask[] = [];
  count = 0;

  constructor(readonly rule: StuckRule) {}

  /** Notes a task if it is stuck. @param id called only for a task that is named */
  look(status: string, score: number, id: () => TaskId): void {
    if (!isStuck(status, score, this.rule)) return;
    this.count++;
    const { named } = this;
    if (named.length === NAMED_STUCK && score > named.at(-1)!.score) return;
    const { userId, taskId } = id();
    named.push({ userId, taskId, status, score });
    named.sort(compareAges).splice(NAMED_STUCK);
  }
}

/** The oldest first; of equals the first by their ids, so both stores name the same. */
function compareAges(a: StuckTask, b: StuckTask): number {
  const [nameA, nameB] = [a, b].map(memberOf) as [string, string];
  return a.score - b.score || (nameA < nameB ? -1 : 1);
}

/** The stuck tasks in one line, with the command that ends them; null if there are none. */
export function describeStuck({ count, named: [oldest], rule }: StuckTasks): string | null {
  if (oldest === undefined) return null;
  const { status, score } = oldest;
  const what = count === 1 ? "1 task is stuck:" : `${count} tasks are stuck, the oldest`;
  const which = `${memberOf(oldest)} (${status} for ${formatAge(rule.now - score)})`;
  return `${what} ${which}; if no worker has ${count === 1 ? "it" : "them"}: ttsctl mark --stuck --to error`;
}
