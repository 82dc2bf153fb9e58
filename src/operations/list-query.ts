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

export const DEFAULT_PAGE_SIZE = 20;
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

export interface QueryContext {
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
