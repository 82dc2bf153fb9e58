import type { TaskPage } from "../../src/http/schema.ts";
import { keyOf } from "../../src/task/ids.ts";

type Item = TaskPage["items"][number];

/** A task's line on the page. Every text may be hostile: it goes only into text nodes. */
export type Row = Readonly<ReturnType<typeof rowOf>>;

export function rowOf(item: Item) {
  const id = { userId: textOf(item.user_id), taskId: textOf(item.task_id) };
  return {
    key: keyOf(id),
    ...id,
    /** A shown word, or the service's own if it isn't one of the four. */
    status: textOf(item.status),
    /** Empty without an error. */
    error: textOf(item.error),
    text: textOf(item.text),
    /** As the service wrote them; epoch seconds as their digits. Empty for none. */
    createdAt: textOf(item.created_at),
    updatedAt: textOf(item.updated_at),
    progress: progressOf(item),
    /** No longer on this page of the list: pushed to another, or deleted. */
    left: false,
    /** In neither store any more. */
    isGone: false,
  };
}

/** How far the service is with a running task, from the fields of the published API service; null if it has none. */
function progressOf({ status, segments_done, total_segments, progress }: Item) {
  if (status !== "run") return null;
  if (isPart(segments_done, total_segments)) {
    return { done: segments_done, of: total_segments as number, text: `${segments_done}/${total_segments}` };
  }
  return isPart(progress, 100) ? { done: progress, of: 100, text: `${Math.floor(progress)}%` } : null;
}

function isPart(done: unknown, of: unknown): done is number {
  return typeof done === "number" && typeof of === "number" && of > 0 && done >= 0 && done <= of;
}

/** Any value of a record as text: a service may write an object where a text is expected. */
export function textOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Rows kept in their places, and what a fresh answer would change about them. */
export type Held = ReturnType<typeof holdRows>;

/** Updates the rows on the screen in place: none is added, removed or moved. New tasks are only counted. */
export function holdRows(shown: readonly Row[], fresh: readonly Row[], page: number) {
  const now = new Map(fresh.map((row) => [row.key, row]));
  const before = new Set(shown.map(({ key }) => key));
  // Those after the last known one may have moved up from the next page.
  const end = fresh.findLastIndex(({ key }) => before.has(key));
  const unknown = (end === -1 ? fresh : fresh.slice(0, end)).filter(({ key }) => !before.has(key));
  return {
    rows: shown.map((row) => now.get(row.key) ?? { ...row, left: true }),
    /** How many new tasks the answer has. On later pages none count: older tasks may have moved there. */
    added: page > 1 ? 0 : unknown.length,
    /** Whether it differs in anything but the contents of rows. */
    differs: JSON.stringify([...before]) !== JSON.stringify([...now.keys()]),
  };
}
