import { shownStatus } from "./status.ts";
import type { Task } from "./task.ts";

/** Which tasks are meant. Times are epoch seconds: `since <= updated_at < until`. */
export interface TaskFilter {
  readonly userId?: string;
  /** Shown words; empty means any. */
  readonly statuses: ReadonlySet<string>;
  readonly since: number | null;
  readonly until: number | null;
}

export const NO_FILTER: TaskFilter = { statuses: new Set(), since: null, until: null };

/** Whether a status word passes; a word outside the table passes only where any does. */
export function statusPasses(word: string, { statuses }: TaskFilter): boolean {
  return statuses.size === 0 || statuses.has(shownStatus(word) ?? "");
}

export function timePasses(score: number, { since, until }: TaskFilter): boolean {
  return (since === null || score >= since) && (until === null || score < until);
}

export function passes(task: Task, filter: TaskFilter): boolean {
  const userPasses = filter.userId === undefined || task.userId === filter.userId;
  return userPasses && statusPasses(task.status, filter) && timePasses(task.score, filter);
}
