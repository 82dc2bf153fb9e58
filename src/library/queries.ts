import type { Clock } from "../clock.ts";
import { buildListQuery, type QueryNames } from "../operations/list-query.ts";
import type { SourceChoice } from "../store/read-first.ts";
import type { ListQuery, ListResult } from "../store/task-store.ts";
import type { RecordRules } from "../task/rules.ts";
import { formatUtc, isEpochInRange } from "../task/time.ts";
import { checkOptions, checkString, checkStrings, wrongArgument } from "./arguments.ts";
import { storedTask } from "./stored-task.ts";
import type { BaseTask, PageQuery, TaskFilter, TaskPage } from "./types.ts";

/** How the library names the parts of a query. */
export const NAMES: QueryNames = {
  page: "page",
  pageSize: "pageSize",
  users: "userId",
  taskIds: "taskIds",
  statuses: "status",
  since: "since",
  until: "until",
};
const SOURCES: readonly SourceChoice[] = ["auto", "redis", "file"];
const FILTERS = ["userId", "status", "since", "until", "source"];
const PAGES = [...FILTERS, "page", "pageSize", "cursor"];

/** What a query is checked by. */
export interface QueryContext {
  readonly rules: RecordRules;
  readonly clock: Clock;
}

/** Tasks that are asked for by name; their filter has no page, and no user of its own. */
export interface NamedTasks {
  readonly userId: string;
  readonly taskIds: readonly string[];
}

/**
 * Checks what was asked for, as the commands do.
 * @throws TtsctlError USAGE
 */
export function listQueryOf(query: PageQuery, { rules, clock }: QueryContext, named?: NamedTasks): ListQuery {
  checkOptions(query, "the query", named === undefined ? PAGES : FILTERS);
  const { status, since, until, source = "auto", page, pageSize, cursor } = query;
  const { userId = query.userId, taskIds = null } = named ?? {};
  if (cursor != null) {
    checkString(cursor, "cursor");
    if (page != null) throw wrongArgument("page and cursor are both given", "one of them");
  }
  if (userId != null) checkString(userId, "userId");
  if (status != null) checkStrings(status, "status", '["wait", "run"]');
  if (!SOURCES.includes(source)) {
    throw wrongArgument(`source: ${JSON.stringify(source)} is unknown`, SOURCES.join(", "));
  }
  const raw = {
    page: page ?? null,
    pageSize: pageSize ?? null,
    users: userId == null ? null : [userId],
    statuses: status ?? null,
    since: timeText(since, "since"),
    until: timeText(until, "until"),
    taskIds,
  };
  return buildListQuery(raw, source, { names: NAMES, rules, now: clock.now() });
}

/** Of all that a page has, a filter has less. @throws TtsctlError USAGE */
export function checkFilter(filter: TaskFilter): void {
  checkOptions(filter, "the filter", FILTERS);
}

/** A time as text, from which queries are made. */
function timeText(time: Date | number | string | null | undefined, name: string): string | null {
  if (time == null || typeof time === "string") return time ?? null;
  const epoch = time instanceof Date ? time.getTime() / 1000 : time;
  if (typeof epoch === "number" && isEpochInRange(epoch)) return formatUtc(epoch);
  throw wrongArgument(
    `${name}: ${String(time)} isn't a time`,
    "a Date, epoch seconds, an ISO 8601 time, or an age such as 2h",
  );
}

export function pageOf<T extends BaseTask>({ tasks, ...rest }: ListResult, nextCursor: string | null): TaskPage<T> {
  const { total, page, pageSize, source, missing, dangling, warnings } = rest;
  const items = tasks.map((task) => storedTask<T>(task));
  return { total, page, pageSize, source, items, missing, dangling, warnings, nextCursor };
}
