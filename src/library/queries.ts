import type { Clock } from "../clock.ts";
import { buildListQuery } from "../operations/list-query.ts";
import type { SourceChoice } from "../store/read-first.ts";
import type { ListQuery, ListResult } from "../store/task-store.ts";
import { OPTION_NAMES, QUERY_PARTS, type QueryField, rawQuery } from "../task/query-fields.ts";
import type { RecordRules } from "../task/rules.ts";
import { formatUtc, isEpochInRange } from "../task/time.ts";
import { checkOptions, checkString, checkStrings, wrongArgument } from "./arguments.ts";
import { storedTask } from "./stored-task.ts";
import type { BaseTask, PageQuery, TaskFilter, TaskPage } from "./types.ts";

const SOURCES: readonly SourceChoice[] = ["auto", "redis", "file"];
const PAGES = [
  ...QUERY_PARTS.filter((part) => part !== "taskIds").map((part) => OPTION_NAMES[part]),
  "source",
  "cursor",
];
const FILTERS = PAGES.filter((name) => !["page", "pageSize", "cursor"].includes(name));

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
  const { source = "auto", page, cursor } = query;
  if (cursor != null) {
    checkString(cursor, "cursor");
    if (page != null) throw wrongArgument("page and cursor are both given", "one of them");
  }
  const given: Readonly<Record<string, unknown>> = { ...query, ...named };
  const raw = rawQuery((part, { kind }) => queryValue(given[OPTION_NAMES[part]], kind, OPTION_NAMES[part]));
  if (!SOURCES.includes(source)) {
    throw wrongArgument(`source: ${JSON.stringify(source)} is unknown`, SOURCES.join(", "));
  }
  return buildListQuery(raw, source, { names: OPTION_NAMES, rules, now: clock.now() });
}

/** The value of an option, of the type that its kind has in a query. */
function queryValue(value: unknown, kind: QueryField["kind"], option: string): unknown {
  if (value == null || kind === "number") return value;
  if (kind === "time") return timeText(value, option);
  if (kind === "list") checkStrings(value, option, '["wait", "run"]');
  else checkString(value, option);
  return kind === "user" ? [value] : value;
}

/** Of all that a page has, a filter has less. @throws TtsctlError USAGE */
export function checkFilter(filter: TaskFilter): void {
  checkOptions(filter, "the filter", FILTERS);
}

/** A time as text, from which queries are made. */
function timeText(time: unknown, name: string): string {
  if (typeof time === "string") return time;
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
