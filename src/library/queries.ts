import { buildListQuery } from "../app/list-query.ts";
import { jsonIn } from "../json/value.ts";
import type { SourceChoice, Stores } from "../store/mirror-link.ts";
import { type ListQuery, type ListResult, newestTasks } from "../store/task-store.ts";
import { OPTION_NAMES, QUERY_PARTS, type QueryField, rawQuery, soleUser } from "../task/query-fields.ts";
import type { RecordRules } from "../task/rules.ts";
import { createdScore, type Task } from "../task/task.ts";
import { formatUtc, isEpochInRange } from "../task/time.ts";
import { checkOptions, checkStrings, checkType, wrongArgument } from "./arguments.ts";
import type { ChangeContext } from "./changes.ts";
import { storedTask } from "./stored-task.ts";
import type { BaseTask, PageQuery, TaskPage } from "./types.ts";

const SOURCES: readonly SourceChoice[] = ["auto", "redis", "file"];
/** Without those for people: a page with a cursor is in the order of the index, and a list must not end early. */
const PARTS = QUERY_PARTS.filter((part) => !["taskIds", "stuck", "search", "sort"].includes(part));
const PAGES = [...PARTS.map((part) => OPTION_NAMES[part]), "source", "cursor"];
export const FILTERS = PAGES.filter((name) => !["page", "pageSize", "cursor"].includes(name));

export type NamedTasks = { readonly userId: string; readonly taskIds: readonly string[] };

/** @throws TtsctlError USAGE */
export function listQueryOf(query: PageQuery, { parser, clock }: ChangeContext, named?: NamedTasks): ListQuery {
  checkOptions(query, "the query", named === undefined ? PAGES : FILTERS);
  const { source = "auto", page, cursor } = query;
  if (cursor != null) {
    checkType(cursor, "string", "cursor");
    if (page != null) throw wrongArgument("page and cursor are both given", "one of them");
  }
  const given: Readonly<Record<string, unknown>> = { ...query, ...named };
  const raw = rawQuery((part, { kind }) => queryValue(given[OPTION_NAMES[part]], kind, OPTION_NAMES[part]));
  if (!SOURCES.includes(source)) {
    throw wrongArgument(`source: ${JSON.stringify(source)} is unknown`, SOURCES.join(", "));
  }
  return buildListQuery(raw, source, { names: OPTION_NAMES, rules: parser.rules, now: clock.now(), takesNone: true });
}

function queryValue(value: unknown, kind: QueryField["kind"], option: string): unknown {
  if (value == null || kind === "number") return value;
  if (kind === "time") {
    const epoch = value instanceof Date ? value.getTime() / 1000 : value;
    if (typeof epoch === "string") return epoch;
    if (typeof epoch === "number" && isEpochInRange(epoch)) return formatUtc(epoch);
    const accepted = "a Date, epoch seconds, an ISO 8601 time, or an age such as 2h";
    throw wrongArgument(`${option}: ${String(value)} isn't a time`, accepted);
  }
  if (kind === "list") checkStrings(value, option, '["wait", "run"]');
  else checkType(value, "string", option);
  return kind === "user" ? [value] : value;
}

export function pageOf<T extends BaseTask>({ tasks, ...rest }: ListResult, nextCursor: string | null): TaskPage<T> {
  const { total, page, pageSize, source, missing, dangling, warnings } = rest;
  return { total, page, pageSize, source, items: tasks.map(storedTask<T>), missing, dangling, warnings, nextCursor };
}

/** The place in a list after which the next page begins. */
type Cursor = ReturnType<typeof parsed>;
type ListedTasks = Pick<ListResult, "tasks" | "scores">;

export function cursorAfter(page: ListedTasks, query: ListQuery, rules: RecordRules): string | null {
  const last = page.tasks.at(-1);
  if (last === undefined && query.page > 1) return null;
  // If no member of the first page has a task, the next one begins at the newest.
  const score = last === undefined ? Number.MAX_VALUE : scoreOf(last, page, query, rules);
  const place = [timeOf(query, rules), score, last?.userId ?? "", last?.taskId ?? ""];
  return Buffer.from(JSON.stringify(place)).toString("base64url");
}

/** The page after a cursor. `total` counts the tasks from there on. @throws TtsctlError USAGE, and as `newestTasks` */
export async function pageAfter(stores: Stores, query: ListQuery, text: string, rules: RecordRules) {
  const cursor = parsed(text);
  if (cursor.by !== timeOf(query, rules)) throw wrongCursor();
  const { filter, pageSize } = query;
  // Tasks with the time of the cursor are before and after it.
  const until = Math.min(filter.until ?? Number.POSITIVE_INFINITY, cursor.score + 0.000001);
  const rest = cursor.by === "updated_at" ? { ...query, filter: { ...filter, until } } : query;
  const scores = new Map<Task, number>();
  const sources = new Set<ListResult["source"]>();
  const warnings: string[] = [];
  let [total, before, dangling] = [0, 0, 0];
  for await (const piece of newestTasks(stores, rest, Number.POSITIVE_INFINITY)) {
    total = Math.max(total, piece.total);
    dangling += piece.dangling;
    sources.add(piece.source);
    warnings.push(...piece.warnings);
    for (const task of piece.tasks) {
      const score = scoreOf(task, piece, query, rules);
      if (isBehind(task, score, cursor, rules)) scores.set(task, score);
      else before++;
    }
    if (scores.size > pageSize) break;
  }
  const [source = "file", other] = sources;
  return {
    ...{ total: Math.max(0, total - before), page: 1, pageSize, missing: [], dangling, warnings },
    source: other === undefined ? source : "mixed",
    ...{ tasks: [...scores.keys()].slice(0, pageSize), scores },
    hasMore: scores.size > pageSize,
  };
}

/** The time by which a list is in order. */
function timeOf({ filter }: ListQuery, { userScoredBy }: RecordRules): Cursor["by"] {
  return soleUser(filter) === undefined ? "updated_at" : userScoredBy;
}

/** That of the index, which may differ from the task's time; a file is in the order of the times. */
function scoreOf(task: Task, { scores }: ListedTasks, query: ListQuery, rules: RecordRules): number {
  const time = () => (timeOf(query, rules) === "updated_at" ? task.score : createdScore(task, rules.times()));
  const score = scores?.get(task) ?? Number.NaN;
  return Number.isNaN(score) ? time() : score; // a score may be infinite
}

/** In the order of lists: by time descending, then by member, bytewise descending. */
function isBehind(task: Task, score: number, cursor: Cursor, rules: RecordRules): boolean {
  if (score !== cursor.score) return score < cursor.score;
  const [own, its] = [task, cursor].map(({ userId, taskId }) => Buffer.from(rules.member(userId, taskId)));
  return Buffer.compare(own!, its!) < 0;
}

function parsed(text: string) {
  const parts = jsonIn(Buffer.from(text, "base64url").toString());
  const [by, score, userId, taskId] = Array.isArray(parts) ? parts : [];
  if ((by !== "updated_at" && by !== "created_at") || typeof score !== "number") throw wrongCursor();
  return { by, score, userId: String(userId), taskId: String(taskId) } as const;
}

function wrongCursor() {
  return wrongArgument("cursor belongs to another list", "the nextCursor of a page with the same filter");
}
