import { newestTasks } from "../store/newest.ts";
import type { ListQuery, ListResult } from "../store/task-store.ts";
import { soleUser } from "../task/filter.ts";
import type { RecordRules } from "../task/rules.ts";
import { createdScore, type Task } from "../task/task.ts";
import { toMicros } from "../task/time.ts";
import { wrongArgument } from "./arguments.ts";

/** The place of a task in a list, which the next page begins behind. */
interface Cursor {
  readonly by: "updated_at" | "created_at";
  /** Epoch seconds. */
  readonly score: number;
  readonly userId: string;
  readonly taskId: string;
}

/** The cursor behind the last of some tasks; null for none. */
export function cursorAfter(tasks: readonly Task[], query: ListQuery, rules: RecordRules): string | null {
  const last = tasks.at(-1);
  if (last === undefined) return null;
  const { by, score } = placeOf(last, query, rules);
  return Buffer.from(JSON.stringify([by, score, last.userId, last.taskId])).toString("base64url");
}

/**
 * The page behind a cursor. `total` counts the tasks from there on.
 * @throws TtsctlError USAGE, and as `newestTasks`
 */
export async function pageAfter(
  stores: Parameters<typeof newestTasks>[0],
  query: ListQuery,
  text: string,
  rules: RecordRules,
): Promise<ListResult & { readonly hasMore: boolean }> {
  const cursor = parsed(text);
  const { filter, pageSize } = query;
  // Tasks of the same time are before and behind the cursor.
  const until = Math.min(filter.until ?? Number.POSITIVE_INFINITY, cursor.score + 0.000001);
  const rest = cursor.by === "updated_at" ? { ...query, filter: { ...filter, until } } : query;
  const tasks: Task[] = [];
  const sources = new Set<ListResult["source"]>();
  const warnings: string[] = [];
  let [total, before, dangling] = [0, 0, 0];
  for await (const piece of newestTasks(stores, rest, Number.POSITIVE_INFINITY)) {
    total = Math.max(total, piece.total);
    dangling += piece.dangling;
    sources.add(piece.source);
    warnings.push(...piece.warnings);
    for (const task of piece.tasks) {
      if (isBehind(task, cursor, query, rules)) tasks.push(task);
      else before++;
    }
    if (tasks.length > pageSize) break;
  }
  return {
    ...{ total: Math.max(0, total - before), page: 1, pageSize, missing: [], dangling, warnings },
    source: sources.size === 1 ? [...sources][0]! : sources.size === 0 ? "file" : "mixed",
    tasks: tasks.slice(0, pageSize),
    hasMore: tasks.length > pageSize,
  };
}

function placeOf(task: Task, { filter }: ListQuery, rules: RecordRules): Pick<Cursor, "by" | "score"> {
  const by = soleUser(filter) === undefined ? "updated_at" : rules.userScoredBy;
  return { by, score: by === "updated_at" ? task.score : createdScore(task, rules.times()) };
}

/** In the order of lists: by time descending, then by member, bytewise descending. */
function isBehind(task: Task, cursor: Cursor, query: ListQuery, rules: RecordRules): boolean {
  const { by, score } = placeOf(task, query, rules);
  if (by !== cursor.by) throw wrongCursor();
  const earlier = toMicros(cursor.score) - toMicros(score);
  if (earlier !== 0) return earlier > 0;
  const [own, its] = [task, cursor].map(({ userId, taskId }) => Buffer.from(rules.member(userId, taskId)));
  return Buffer.compare(own!, its!) < 0;
}

function parsed(text: string): Cursor {
  try {
    const [by, score, userId, taskId] = JSON.parse(Buffer.from(text, "base64url").toString()) as unknown[];
    if ((by === "updated_at" || by === "created_at") && typeof score === "number") {
      return { by, score, userId: String(userId), taskId: String(taskId) };
    }
  } catch {
    // It isn't ours.
  }
  throw wrongCursor();
}

function wrongCursor() {
  return wrongArgument("cursor isn't one of this list", "nextCursor of a page with the same filter");
}
