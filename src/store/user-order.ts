import type { Task } from "../task/task.ts";
import type { TimeReader } from "../task/time.ts";
import type { Mirror } from "./redis/mirror.ts";

/** How many members of a user's index are compared with their tasks. */
const SAMPLE = 100;

/** `created_at` as the layout counts times, epoch seconds; of a task without one, that of its last change. */
export function creationOf({ createdAt, score }: Task, times: TimeReader): number {
  const created = times.counted(times.parse(createdAt));
  return Number.isNaN(created) ? score : created;
}

/** Whether most of a user's newest index members are scored by `created_at`, as later versions of the published service do. */
export async function isOrderedByCreation(mirror: Mirror, userId: string): Promise<boolean> {
  const members = await mirror.newest(userId, 0, SAMPLE);
  const tasks = await mirror.read(members);
  let votes = 0;
  for (const [i, { score }] of members.entries()) {
    const task = tasks[i];
    if (task === undefined || task instanceof Error) continue;
    const created = creationOf(task, mirror.times);
    if (created !== task.score) votes += score === created ? 1 : score === task.score ? -1 : 0;
  }
  return votes > 0;
}
