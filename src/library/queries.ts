import type { Clock } from "../clock.ts";
import { TtsctlError } from "../errors.ts";
import { buildListQuery, type QueryNames } from "../operations/list-query.ts";
import type { SourceChoice } from "../store/read-first.ts";
import type { ListQuery, ListResult } from "../store/task-store.ts";
import type { RecordRules } from "../task/rules.ts";
import { LibraryTask } from "./stored-task.ts";
import type { PageQuery, TaskPage } from "./types.ts";

/** How the library names the parts of a query. */
const NAMES: QueryNames = {
  page: "page",
  pageSize: "pageSize",
  users: "userId",
  taskIds: "taskIds",
  statuses: "status",
  since: "since",
  until: "until",
};
const SOURCES: readonly SourceChoice[] = ["auto", "redis", "file"];
const KNOWN: readonly string[] = ["page", "pageSize", "userId", "status", "since", "until", "source"];

const isText = (value: unknown) => typeof value === "string";
const isTexts = (value: unknown) => Array.isArray(value) && value.every(isText);
/** What TypeScript checks, for programs in JavaScript; numbers are checked with their range. */
const FITS = { userId: isText, since: isText, until: isText, status: isTexts, taskIds: isTexts } as const;

/**
 * Checks what was asked for, as the commands do.
 * @throws TtsctlError USAGE
 */
export function listQueryOf(
  query: PageQuery & { readonly taskIds?: readonly string[] },
  { rules, clock }: { rules: RecordRules; clock: Clock },
): ListQuery {
  const { userId, status, source = "auto", taskIds, ...rest } = query;
  const unknown = Object.keys(rest).find((name) => !KNOWN.includes(name));
  if (unknown !== undefined) {
    throw new TtsctlError("USAGE", `a query has no ${JSON.stringify(unknown)}`, {
      hint: `accepted: ${KNOWN.join(", ")}`,
    });
  }
  for (const name of Object.keys(FITS) as (keyof typeof FITS)[]) {
    if (query[name] == null || FITS[name](query[name])) continue;
    throw new TtsctlError("USAGE", `${name}: ${JSON.stringify(query[name])} has a wrong type`, {
      hint: `accepted: ${FITS[name] === isText ? "a string" : "an array of strings"}`,
    });
  }
  if (!SOURCES.includes(source)) {
    throw new TtsctlError("USAGE", `source: ${JSON.stringify(source)} is none`, {
      hint: "accepted: auto, redis, file",
    });
  }
  const raw = { ...rest, users: userId == null ? null : [userId], statuses: status ?? null, taskIds: taskIds ?? null };
  return buildListQuery(raw, source, { names: NAMES, rules, now: clock.now() });
}

export function pageOf({ tasks, ...rest }: ListResult): TaskPage {
  return { ...rest, items: tasks.map((task) => new LibraryTask(task)) };
}
