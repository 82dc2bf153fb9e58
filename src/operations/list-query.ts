import { TtsctlError } from "../errors.ts";
import type { SourceChoice } from "../store/read-first.ts";
import type { ListQuery } from "../store/task-store.ts";
import { parseDuration } from "../task/duration.ts";
import type { TaskFilter } from "../task/filter.ts";
import { idProblem, trimId, uniqueIds } from "../task/ids.ts";
import { nearest } from "../task/nearest.ts";
import type { RecordRules } from "../task/rules.ts";
import { KNOWN_STATUS_WORDS, SHOWN_STATUSES, shownStatus } from "../task/status.ts";
import { TimeReader } from "../task/time.ts";

const DEFAULT_PAGE_SIZE = 20;
export const LARGEST_PAGE = 1000;

/** What a person or a program asked for, before it is checked; undefined and null are "not given". */
export interface RawQuery {
  readonly page?: number | null;
  readonly pageSize?: number | null;
  readonly users?: readonly string[] | null;
  readonly taskIds?: readonly string[] | null;
  readonly statuses?: readonly string[] | null;
  readonly since?: string | null;
  readonly until?: string | null;
}

/** How the asker names each part, for messages: flags on the command line, keys in a body. */
export type QueryNames = Readonly<Record<keyof RawQuery, string>>;

interface QueryContext {
  readonly names: QueryNames;
  readonly rules: RecordRules;
  /** Epoch seconds, for ages. */
  readonly now: number;
}

/**
 * The one validation of what a list can be asked (SPEC sections 4 and 5).
 * @throws TtsctlError USAGE, which names the part, what it was and what is accepted
 */
export function buildListQuery(raw: RawQuery, source: SourceChoice, context: QueryContext): ListQuery {
  const ids = checkIds(raw, context);
  return {
    filter: buildFilter(raw, context),
    ids,
    page: checkInteger(raw.page ?? 1, context.names.page, 1, Number.MAX_SAFE_INTEGER),
    pageSize: checkInteger(raw.pageSize ?? DEFAULT_PAGE_SIZE, context.names.pageSize, 1, LARGEST_PAGE),
    source,
  };
}

/** The part that choosing tasks has in common with listing them. */
export function buildFilter(raw: RawQuery, { names, rules, now }: QueryContext): TaskFilter {
  // An empty variable in a script must not turn "delete --status $WORDS" into "delete everything".
  if (raw.statuses?.length === 0) throw usage(`${names.statuses} is empty`, "give a status, or leave it out for any");
  return {
    users: new Set((raw.users ?? []).map((user) => checkUser(trimId(user), names.users, rules))),
    statuses: new Set((raw.statuses ?? []).map((word) => checkStatus(word, names.statuses))),
    since: raw.since == null ? null : checkTime(raw.since, names.since, rules, now),
    until: raw.until == null ? null : checkTime(raw.until, names.until, rules, now),
  };
}

/** The ids asked for, without repeats, in order; null for none. */
export function checkIds(raw: RawQuery, { names }: QueryContext): string[] | null {
  if (raw.taskIds == null) return null;
  const ids = uniqueIds(raw.taskIds);
  if (ids.length === 0)
    throw usage(`${names.taskIds} holds no task id`, "give task ids, separated by commas or spaces");
  const users = new Set((raw.users ?? []).map(trimId));
  if (users.size !== 1 || users.has("")) {
    const needed = users.size > 1 ? `one ${names.users}, not ${users.size}` : names.users;
    throw usage(`${names.taskIds} needs ${needed}`, "task ids count only together with their user");
  }
  return ids;
}

/** A trimmed user id that a task can have. */
export function checkUser(userId: string, name: string, rules: RecordRules): string {
  if (userId === "") throw usage(`${name} is empty`, "give a user id, or leave it out for all users");
  const problem = idProblem("user_id", userId, rules);
  if (problem !== undefined) throw usage(`${name}: ${problem}`, "no valid task has such a user");
  return userId;
}

function checkStatus(word: string, name: string): string {
  const shown = shownStatus(word);
  if (shown !== undefined) return shown;
  const like = nearest(word, KNOWN_STATUS_WORDS);
  throw usage(
    `${name}: unknown status ${JSON.stringify(word)}`,
    `${like.length === 0 ? "" : `did you mean ${like.join(" or ")}? `}accepted: ${SHOWN_STATUSES.join(", ")}, and the service's words ${KNOWN_STATUS_WORDS.join(", ")}`,
  );
}

function checkTime(text: string, name: string, rules: RecordRules, now: number): number {
  const age = ageOf(text);
  if (age !== undefined) return now - age;
  const time = new TimeReader(rules.zone).parse(text.trim());
  if (!Number.isNaN(time)) return time;
  throw usage(
    `${name}: ${JSON.stringify(text)} is no time`,
    "accepted: an ISO 8601 time such as 2026-11-01T08:00:00 or 2026-11-01T08:00:00Z, or an age such as 30m, 2h, 7d",
  );
}

/** Seconds; undefined where the text is no age. */
function ageOf(text: string): number | undefined {
  const age = /[a-z]\s*$/i.test(text) ? parseDuration(text) : undefined;
  return age !== undefined && age >= 0 ? age : undefined;
}

/** The shortest age that is asked for, in seconds; null where no choice hangs on this machine's clock. */
export function shortestAge({ since, until }: RawQuery): number | null {
  const ages = [since, until].map((text) => (text == null ? undefined : ageOf(text)));
  const given = ages.filter((age) => age !== undefined);
  return given.length === 0 ? null : Math.min(...given);
}

function checkInteger(value: number, name: string, least: number, most: number): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  const accepted =
    most === Number.MAX_SAFE_INTEGER ? `a whole number from ${least}` : `a whole number from ${least} to ${most}`;
  throw usage(`${name}: ${value} is out of range`, `accepted: ${accepted}`);
}

function usage(message: string, hint: string): TtsctlError {
  return new TtsctlError("USAGE", message, { hint });
}

/** The JSON body of a query (SPEC section 5), as docs/json.md tells it. */
export interface QueryBody {
  readonly page?: number | null;
  readonly page_size?: number | null;
  readonly user_id?: string | null;
  readonly task_ids?: readonly string[] | null;
  readonly status?: readonly string[] | null;
  readonly since?: string | null;
  readonly until?: string | null;
}

/** How the parts of a query are named in its JSON body. */
export const BODY_NAMES: QueryNames = {
  page: '"page"',
  pageSize: '"page_size"',
  users: '"user_id"',
  taskIds: '"task_ids"',
  statuses: '"status"',
  since: '"since"',
  until: '"until"',
};

type Check = { readonly accepted: string; readonly fits: (value: unknown) => boolean };

const NUMBER: Check = { accepted: "a number", fits: (value) => typeof value === "number" };
const TEXT: Check = { accepted: "a string", fits: (value) => typeof value === "string" };
const TEXTS: Check = {
  accepted: "an array of strings",
  fits: (value) => Array.isArray(value) && value.every((item) => typeof item === "string"),
};

const BODY: Readonly<Record<keyof QueryBody, Check>> = {
  page: NUMBER,
  page_size: NUMBER,
  user_id: TEXT,
  task_ids: TEXTS,
  status: TEXTS,
  since: TEXT,
  until: TEXT,
};

/**
 * The body of `query` (SPEC section 5): every key optional, null counts as not given, and so does an empty list.
 * @param origin where the body came from, for messages
 * @throws TtsctlError USAGE for text that is no JSON object, unknown keys and wrong types
 */
export function parseQueryBody(text: string, origin: string): RawQuery {
  return readQueryBody(parseQueryObject(text, origin), origin);
}

/** The same for an object that was parsed. @throws TtsctlError USAGE */
export function readQueryBody(checked: Readonly<Record<string, unknown>>, origin: string): RawQuery {
  for (const [key, value] of Object.entries(checked)) checkKey(key, value, origin);
  const body: QueryBody = checked;
  const list = (items: readonly string[] | null | undefined) => (items?.length === 0 ? null : (items ?? null));
  return {
    page: body.page ?? null,
    pageSize: body.page_size ?? null,
    // A form that was left empty sends an empty string.
    users: body.user_id == null || body.user_id.trim() === "" ? null : [body.user_id],
    taskIds: list(body.task_ids),
    statuses: list(body.status),
    since: body.since ?? null,
    until: body.until ?? null,
  };
}

/** @throws TtsctlError USAGE if the text is not a JSON object */
export function parseQueryObject(text: string, origin: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new TtsctlError("USAGE", `the query from ${origin} is not JSON: ${(cause as Error).message}`, {
      hint: EXAMPLE,
      cause,
    });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new TtsctlError("USAGE", `the query from ${origin} is not a JSON object`, { hint: EXAMPLE });
}

const EXAMPLE = `a query looks like {"page": 1, "page_size": 20, "user_id": "alice", "task_ids": ["t01", "t02"]}`;

function checkKey(key: string, value: unknown, origin: string): void {
  const check = Object.hasOwn(BODY, key) ? BODY[key as keyof QueryBody] : undefined;
  if (check === undefined) {
    const hint = `accepted: ${Object.keys(BODY).join(", ")}`;
    throw new TtsctlError("USAGE", `the query from ${origin} has an unknown key ${JSON.stringify(key)}`, { hint });
  }
  if (value === null || check.fits(value)) return;
  const got = JSON.stringify(value);
  const shown = got.length > 40 ? `${got.slice(0, 40)}...` : got;
  throw new TtsctlError("USAGE", `the query from ${origin} has a wrong ${JSON.stringify(key)}: ${shown}`, {
    hint: `accepted: ${check.accepted}`,
  });
}
