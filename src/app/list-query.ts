import { TtsctlError, usage } from "../errors.ts";
import { quoted } from "../printable.ts";
import type { SourceChoice } from "../store/mirror-link.ts";
import type { ListQuery } from "../store/task-store.ts";
import { PARTS_ACCEPTED, parsePart } from "../task/amounts.ts";
import { DURATIONS, parseDuration } from "../task/duration.ts";
import { idProblem, splitName, type TaskId, trimId, uniqueIds, uniqueTasks } from "../task/ids.ts";
import { acceptedFor } from "../task/nearest.ts";
import {
  DEFAULT_PAGE_SIZE,
  fieldOf,
  QUERY_FIELDS,
  QUERY_PARTS,
  type QueryNames,
  type QueryPart,
  type RawQuery,
  rawQuery,
  SORTS,
  type Sort,
  type TaskFilter,
} from "../task/query-fields.ts";
import type { RecordRules } from "../task/rules.ts";
import { KNOWN_STATUS_WORDS, plainWord, STATUS_CHOICES, shownStatus, UNFINISHED } from "../task/status.ts";
import { TimeReader } from "../task/time.ts";

export const MOST_IDS = 100_000;
export const [, LARGEST_PAGE] = QUERY_FIELDS.pageSize.range;

export interface QueryContext {
  readonly names: QueryNames;
  readonly rules: RecordRules;
  /** Epoch seconds, for ages. */
  readonly now: number;
  /** Whether ids that come without a user are names, `user:task`. */
  readonly takesNames?: boolean;
  /** Whether no id at all is a choice of no task. */
  readonly takesNone?: boolean;
  /** Seconds after which an unfinished task is stuck; 0 for never. */
  readonly stuckAfter?: number;
}

/** Checks a query (docs/contract.md, Reading and Commands). @throws TtsctlError USAGE */
export function buildListQuery(raw: RawQuery, source: SourceChoice, context: QueryContext): ListQuery {
  const ids = checkIds(raw, context);
  const { names } = context;
  if (ids !== null && raw.sort != null) {
    const what = `${names.sort} can't be used with ${names.taskIds}`;
    throw usage(what, "tasks chosen by id are listed in the given order");
  }
  return {
    filter: buildFilter(raw, context),
    ids,
    sort: raw.sort == null ? undefined : checkSort(raw.sort, names.sort),
    page: checkInteger(raw.page ?? 1, "page", context),
    pageSize: checkInteger(raw.pageSize ?? DEFAULT_PAGE_SIZE, "pageSize", context),
    source,
  };
}

/** The part that choosing tasks has in common with listing them. */
export function buildFilter(raw: RawQuery, context: QueryContext): TaskFilter {
  const { names, rules, now } = context;
  // An empty variable in a script must not turn "delete --status $WORDS" into "delete everything".
  if (raw.statuses?.length === 0) throw usage(`${names.statuses} is empty`, "give a status, or leave it out for any");
  if (raw.search === "") throw usage(`${names.search} is empty`, "give a text, or leave it out");
  const fields = QUERY_PARTS.flatMap((part): [string, Set<string>][] => {
    const { record } = fieldOf(part);
    return record === undefined || raw[part] == null ? [] : [[record, new Set(raw[part] as readonly string[])]];
  });
  const filter = {
    users: new Set((raw.users ?? []).map((user) => checkUser(trimId(user), names.users, rules))),
    statuses: new Set((raw.statuses ?? []).map((word) => checkStatus(word, names.statuses))),
    since: raw.since == null ? null : checkTime(raw.since, names.since, rules, now),
    until: raw.until == null ? null : checkTime(raw.until, names.until, rules, now),
    fields: new Map(fields),
    search: raw.search?.toLowerCase(),
  };
  if (filter.since !== null && filter.until !== null && filter.since > filter.until) {
    throw usage(`${names.since} is after ${names.until}`, "no task can be in that time; exchange them");
  }
  return raw.stuck ? stuckIn(filter, context) : filter;
}

function stuckIn(filter: TaskFilter, { names, now, stuckAfter = 0 }: QueryContext): TaskFilter {
  if (stuckAfter <= 0) {
    const what = `${names.stuck}: stuck tasks aren't detected, because stuck_after is off`;
    throw usage(what, "set [cleanup] stuck_after (TTSCTL_STUCK_AFTER)");
  }
  const given = [...filter.statuses];
  const statuses = new Set(UNFINISHED.filter((word) => given.length === 0 || given.includes(word)));
  if (statuses.size === 0) {
    const what = `a task with the status ${given.join(" or ")} is never stuck`;
    throw usage(what, `leave out ${names.stuck} or ${names.statuses}`);
  }
  return { ...filter, statuses, until: Math.min(filter.until ?? Number.POSITIVE_INFINITY, now - stuckAfter) };
}

function checkSort(text: string, name: string): Sort {
  const sort = SORTS.find((word) => word === text);
  if (sort === undefined) throw usage(`${name}: unknown order ${quoted(text)}`, `accepted: ${SORTS.join(", ")}`);
  return sort;
}

/** The tasks asked for by id, in order; null for none. If ids may have colons, a name is a task without a user until it is looked up. */
export function checkIds(raw: RawQuery, context: QueryContext): TaskId[] | null {
  const { names, rules, takesNames = false, takesNone = false } = context;
  if (raw.taskIds == null) return null;
  const ids = uniqueIds(raw.taskIds);
  if (ids.length === 0 && takesNone) return [];
  if (ids.length === 0) throw usage(`${names.taskIds} has no task id`, "give task ids, separated by commas or spaces");
  const odd = ids.find((id) => !id.isWellFormed());
  if (odd !== undefined) throw usage(`${names.taskIds}: ${quoted(odd)} isn't valid Unicode`, "no task has such an id");
  const users = [...new Set((raw.users ?? []).map(trimId))];
  if (users.length === 0 && takesNames) return uniqueTasks(ids.map((name) => checkName(name, names, rules)));
  const [userId = ""] = users;
  if (users.length !== 1 || userId === "") {
    const needed = users.length > 1 ? `one ${names.users}, not ${users.length}` : names.users;
    const hint = takesNames ? `or name each task as user:task, without ${names.users}` : "";
    throw usage(`${names.taskIds} needs ${needed}`, hint || "task ids are looked up per user");
  }
  return ids.map((taskId) => ({ userId, taskId }));
}

function checkName(name: string, names: QueryNames, rules: RecordRules): TaskId {
  if (rules.isPublished) return { userId: "", taskId: name };
  const id = splitName(name);
  if (id !== null) return id;
  const what = `${names.taskIds}: ${quoted(name)} has neither a user nor a colon`;
  throw usage(what, `name it as user:task, or its user with ${names.users}`);
}

/** A trimmed user id that a task can have. */
export function checkUser(userId: string, name: string, rules: RecordRules): string {
  if (userId === "") throw usage(`${name} is empty`, "give a user id, or leave it out for all users");
  const problem = idProblem("user_id", userId, rules);
  if (problem !== undefined) throw usage(`${name}: ${problem}`, "no valid task has such a user");
  return userId;
}

function checkStatus(word: string, name: string): string {
  const shown = STATUS_CHOICES.find((choice) => choice === plainWord(word)) ?? shownStatus(word);
  if (shown !== undefined) return shown;
  const hint = acceptedFor(word, STATUS_CHOICES, KNOWN_STATUS_WORDS);
  const what = `${name}: unknown status ${JSON.stringify(word)}`;
  throw usage(what, `${hint}, and the service's words ${KNOWN_STATUS_WORDS.join(", ")}`);
}

function checkTime(text: string, name: string, rules: RecordRules, now: number): number {
  const age = ageOf(text);
  const iso = text.trim().replace(/^([\d-]{10}[T ]\d\d:\d\d)(?![:.])/, "$1:00"); // seconds may be left out
  const time = age === undefined ? new TimeReader(rules.zone).parse(iso) : now - age;
  if (Number.isNaN(time)) throw usage(`${name}: ${JSON.stringify(text)} isn't a time`, TIMES);
  return time;
}

const TIMES = `accepted: an ISO 8601 time, 2026-11-01T08:00 or 2026-11-01T08:00:00Z, or an age such as ${DURATIONS}`;

function ageOf(text: string): number | undefined {
  const age = /[a-z]$/i.test(text.trimEnd()) ? parseDuration(text) : undefined;
  return age !== undefined && age >= 0 ? age : undefined;
}

/** The shortest age of a query, in seconds; null if this machine's clock doesn't matter. */
export function shortestAge({ since, until, stuck }: RawQuery, { stuckAfter }: QueryContext): number | null {
  const ages = [ageOf(since ?? ""), ageOf(until ?? ""), stuck ? stuckAfter : undefined];
  const given = ages.filter((age) => age !== undefined);
  return given.length === 0 ? null : Math.min(...given);
}

function checkInteger(value: number, part: "page" | "pageSize", { names }: QueryContext): number {
  const [least, most] = QUERY_FIELDS[part].range;
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  throw usage(`${names[part]}: ${value} is invalid`, `accepted: a whole number ${range}`);
}

/**
 * Reads the JSON body of a query (docs/contract.md, Commands). Every key is optional; null, an empty list and an empty user don't filter.
 * @param origin for messages @param also keys that the caller has read @throws TtsctlError USAGE
 */
export function readQueryBody(body: JsonObject, origin: string, also: readonly string[] = []): RawQuery {
  checkBody(body, kindsOf(QUERY_PARTS), origin, also);
  return rawQuery((_, { key, kind }) => {
    const value = body[key] ?? null;
    if (kind === "user") return typeof value !== "string" || value.trim() === "" ? null : [value];
    return Array.isArray(value) && value.length === 0 ? null : value;
  });
}

type JsonObject = Readonly<Record<string, unknown>>;
type BodyKinds = Readonly<Record<string, keyof typeof BODY_TYPES>>;

export function kindsOf(parts: readonly QueryPart[]): BodyKinds {
  return Object.fromEntries(parts.map(fieldOf).map(({ key, kind }) => [key, kind]));
}

/** @throws TtsctlError USAGE for an unknown key, and a value that is neither null nor of the kind of its key */
export function checkBody(body: JsonObject, kinds: BodyKinds, origin: string, also: readonly string[] = []): void {
  const unknown = Object.keys(body).find((key) => !Object.hasOwn(kinds, key));
  const keys = Object.keys(kinds);
  if (unknown !== undefined) {
    const what = `${origin} has an unknown key ${JSON.stringify(unknown)}`;
    throw usage(what, `accepted: ${[...keys, ...also].join(", ")}`);
  }
  for (const key of keys) {
    const value = body[key] ?? null;
    const { accepted, fits } = BODY_TYPES[kinds[key]!];
    if (value === null || fits(value)) continue;
    const what = `${origin} has an invalid ${JSON.stringify(key)}: ${shownValue(value)}`;
    throw usage(what, `accepted: ${accepted}`);
  }
}

function shownValue(value: unknown): string {
  try {
    const text = JSON.stringify(value);
    return text.length > 40 ? `${text.slice(0, 40)}...` : text;
  } catch {
    return "nested too deeply"; // for JSON.stringify
  }
}

const TEXT = { accepted: "a string", fits: (value: unknown) => typeof value === "string" };
const BODY_TYPES = {
  text: TEXT,
  switch: { accepted: "true or false", fits: (value: unknown) => typeof value === "boolean" },
  number: { accepted: "a number", fits: (value: unknown) => typeof value === "number" },
  user: TEXT,
  time: TEXT,
  list: {
    accepted: "an array of strings",
    fits: (value: unknown) => Array.isArray(value) && value.every((item) => typeof item === "string"),
  },
  brake: {
    accepted: PARTS_ACCEPTED,
    fits: (value: unknown) => ["string", "number"].includes(typeof value) && parsePart(`${value}`) !== undefined,
  },
};

/** @throws TtsctlError USAGE */
export function parseQueryObject(text: string, origin: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const what = `${origin} is not JSON: ${(cause as Error).message}`;
    throw new TtsctlError("USAGE", what, { hint: EXAMPLE, cause });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw usage(`${origin} is not a JSON object`, EXAMPLE);
}

const EXAMPLE = 'a query looks like {"user_id": "alice", "task_ids": ["t01", "t02"]}';
