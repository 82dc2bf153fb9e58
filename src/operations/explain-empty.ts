import type { SourceChoice, Stores } from "../store/mirror-link.ts";
import { type ListQuery, type ListResult, TaskStore } from "../store/task-store.ts";
import { counted } from "../task/amounts.ts";
import type { TaskId } from "../task/ids.ts";
import { nearest } from "../task/nearest.ts";
import { NO_FILTER, ofUser, type QueryNames, soleUser, type TaskFilter } from "../task/query-fields.ts";

/** How many of the newest tasks are looked at for user ids that are like a wrong one. */
const NEWEST = 1000;

/** Why a list shows no task, and what to try, in one line. It reads as little as it can and changes nothing. */
export async function explainEmpty(
  parts: Stores,
  query: ListQuery,
  { total, pageSize, stopped }: ListResult,
  names: QueryNames,
): Promise<string> {
  const last = Math.ceil(total / pageSize);
  if (query.page > last && total > 0) return `the last page is ${names.page} ${last}`;
  if (total > 0) {
    const next =
      query.page < last ? `the next one is ${names.page} ${query.page + 1}` : "`ttsctl verify --details` names them";
    return `this page has only index members without a task; ${next}`;
  }
  if (stopped !== undefined) return "the search stopped before it found a task";
  const { source } = query;
  const all = await countOf(parts, source, NO_FILTER);
  if (all === 0) return explainNoTasks(parts, source);
  const user = soleUser(query.filter);
  if (user !== undefined && (await countOf(parts, source, ofUser(user))) === 0)
    return explainUser(parts, user, all, source);
  const what = query.ids === null ? "all filters" : `${names.taskIds} and the other filters`;
  return `no task matches ${what} (of ${counted(all, "task")})`;
}

/** Why a task is missing: the user has no task at all, or none with this id. */
export async function explainAbsent(parts: Stores, { userId, taskId }: TaskId, source: SourceChoice) {
  const all = await countOf(parts, source, NO_FILTER);
  if (all === 0) return explainNoTasks(parts, source);
  if (userId === "") return `no task has the id ${JSON.stringify(taskId)} (of ${counted(all, "task")})`;
  const theirs = await countOf(parts, source, ofUser(userId));
  if (theirs === 0) return explainUser(parts, userId, all, source);
  return `${JSON.stringify(userId)} has ${counted(theirs, "task")}, but no ${JSON.stringify(taskId)}`;
}

/** Why a user has no task; null if the user has one, or nobody has. */
export async function explainNobody(parts: Stores, userId: string): Promise<string | null> {
  const all = await countOf(parts, "auto", NO_FILTER);
  if (all === 0 || (await countOf(parts, "auto", ofUser(userId))) > 0) return null;
  return explainUser(parts, userId, all, "auto");
}

async function countOf(parts: Stores, source: SourceChoice, filter: TaskFilter): Promise<number> {
  return (await newest(parts, source, filter, 1)).total;
}

function newest({ file, link }: Stores, source: SourceChoice, filter: TaskFilter, pageSize: number) {
  return new TaskStore(file, link).list({ filter, ids: null, page: 1, pageSize, source });
}

function explainNoTasks({ file }: Stores, source: SourceChoice): string {
  if (source !== "redis") return `there are no tasks; the store file is ${file.path}: is that the right one?`;
  return "there are no tasks in Redis: run `ttsctl sync`, or leave out --source redis";
}

async function explainUser(parts: Stores, userId: string, all: number, source: SourceChoice): Promise<string> {
  const { tasks } = await newest(parts, source, NO_FILTER, NEWEST);
  const users = new Set(tasks.map((task) => task.userId));
  const like = nearest(userId, users).filter((user) => user !== userId);
  if (userId.includes(",") && like.length === 0)
    return `no user is named ${JSON.stringify(userId)}; give --user once for each`;
  const hint = like.length === 0 ? "" : `; did you mean ${like.map((user) => JSON.stringify(user)).join(" or ")}?`;
  return `no task of user ${JSON.stringify(userId)} among ${counted(all, "task")}${hint}`;
}
