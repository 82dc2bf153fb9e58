import { shownStatus } from "./status.ts";
import type { Task } from "./task.ts";

/** Which tasks are meant. Times are epoch seconds: `since <= updated_at < until`. */
export interface TaskFilter {
  /** Empty means any. */
  readonly users: ReadonlySet<string>;
  /** Shown words; empty means any. */
  readonly statuses: ReadonlySet<string>;
  readonly since: number | null;
  readonly until: number | null;
}

export const NO_FILTER: TaskFilter = { users: new Set(), statuses: new Set(), since: null, until: null };

/** Whether a status word passes; a word outside the table passes only where any does. */
export function statusPasses(word: string, { statuses }: TaskFilter): boolean {
  return statuses.size === 0 || statuses.has(shownStatus(word) ?? "");
}

export function timePasses(score: number, { since, until }: TaskFilter): boolean {
  return (since === null || score >= since) && (until === null || score < until);
}

export function userPasses(userId: string, { users }: TaskFilter): boolean {
  return users.size === 0 || users.has(userId);
}

/** All tasks of a user, or (undefined) of all. */
export function ofUser(userId: string | undefined): TaskFilter {
  return userId === undefined ? NO_FILTER : { ...NO_FILTER, users: new Set([userId]) };
}

/** The user of a filter that has one; undefined for none and for several. */
export function soleUser({ users }: TaskFilter): string | undefined {
  return users.size === 1 ? [...users][0] : undefined;
}

export function passes(task: Task, filter: TaskFilter): boolean {
  return userPasses(task.userId, filter) && statusPasses(task.status, filter) && timePasses(task.score, filter);
}
