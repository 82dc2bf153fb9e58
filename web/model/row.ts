import type { TaskPage } from "../../src/http/schema.ts";

/** A task's line on the page. Every text may be hostile: it goes only into text nodes. */
export interface Row {
  readonly key: string;
  readonly userId: string;
  readonly taskId: string;
  /** A shown word, or the service's own if it isn't one of the four. */
  readonly status: string;
  /** Empty without an error. */
  readonly error: string;
  readonly text: string;
  /** As the service wrote them; epoch seconds as their digits. Empty for none. */
  readonly createdAt: string;
  readonly updatedAt: string;
  /** Null if the record doesn't have it. */
  readonly progress: Progress | null;
}

/** How far the service is with a task: segments, or per cent. */
export interface Progress {
  readonly done: number;
  readonly of: number;
  readonly unit: "segments" | "percent";
}

export function rowOf(item: TaskPage["items"][number]): Row {
  const userId = textOf(item.user_id);
  const taskId = textOf(item.task_id);
  return {
    key: keyOf(userId, taskId),
    userId,
    taskId,
    status: textOf(item.status),
    error: textOf(item.error),
    text: textOf(item.text),
    createdAt: textOf(item.created_at),
    updatedAt: textOf(item.updated_at),
    progress: progressOf(item),
  };
}

/** From the fields of the published API service. */
function progressOf({ segments_done, total_segments, progress }: TaskPage["items"][number]): Progress | null {
  if (isPart(segments_done, total_segments))
    return { done: segments_done, of: total_segments as number, unit: "segments" };
  return isPart(progress, 100) ? { done: progress, of: 100, unit: "percent" } : null;
}

function isPart(done: unknown, of: unknown): done is number {
  return typeof done === "number" && typeof of === "number" && of > 0 && done >= 0 && done <= of;
}

/** Names a task among all users: ids may hold any character, so no separator would do. */
export function keyOf(userId: string, taskId: string): string {
  return JSON.stringify([userId, taskId]);
}

/** Any value of a record as text: a service may write an object where a text is expected. */
export function textOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}
