import { TtsctlError } from "../errors.ts";
import type { QueryNames, RawQuery } from "../operations/list-query.ts";
import { splitIds } from "../task/ids.ts";
import { splitStatuses } from "../task/status.ts";
import { parseWholeNumber } from "../task/whole-number.ts";

/** How the parts of a query are named in a URL. */
export const PARAM_NAMES: QueryNames = {
  page: "page",
  pageSize: "page_size",
  users: "user_id",
  taskIds: "task_ids",
  statuses: "status",
  since: "since",
  until: "until",
};

/**
 * The parameters of a URL by name. One that is empty counts as not given: a form that was left empty sends it.
 * @throws TtsctlError USAGE for one that is not accepted, or given twice
 */
export function paramsOf<N extends string>(url: string, accepted: readonly N[]): Map<N, string> {
  const query = url.indexOf("?");
  const params = new Map<N, string>();
  if (query < 0) return params;
  const seen = new Set<string>();
  for (const [name, value] of new URLSearchParams(url.slice(query))) {
    if (!(accepted as readonly string[]).includes(name)) {
      const hint = accepted.length === 0 ? "there are none" : `accepted: ${accepted.join(", ")}`;
      throw new TtsctlError("USAGE", `unknown parameter ${JSON.stringify(name)}`, { hint });
    }
    if (seen.has(name)) throw new TtsctlError("USAGE", `${name} is given twice`, { hint: "give it once" });
    seen.add(name);
    if (value !== "") params.set(name as N, value);
  }
  return params;
}

/**
 * What the parameters of `GET /voice-tasks` ask for, before it is checked.
 * @throws TtsctlError USAGE
 */
export function listParams(url: string): RawQuery {
  return queryOf(paramsOf(url, Object.values(PARAM_NAMES)));
}

/** The same for parameters by name. @throws TtsctlError USAGE */
export function queryOf(params: ReadonlyMap<string, string>): RawQuery {
  const { page, pageSize, users, taskIds, statuses, since, until } = PARAM_NAMES;
  const [user, ids, words] = [params.get(users), params.get(taskIds), params.get(statuses)];
  return {
    page: wholeNumber(page, params.get(page)),
    pageSize: wholeNumber(pageSize, params.get(pageSize)),
    users: user === undefined ? null : [user],
    taskIds: ids === undefined ? null : splitIds(ids),
    statuses: words === undefined ? null : splitStatuses(words),
    since: params.get(since) ?? null,
    until: params.get(until) ?? null,
  };
}

function wholeNumber(name: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  const number = parseWholeNumber(text);
  if (number !== undefined) return number;
  throw new TtsctlError("USAGE", `${name}: ${JSON.stringify(text)} is no whole number`, {
    hint: "accepted: a whole number",
  });
}

/** A switch such as `force=true`. @throws TtsctlError USAGE */
export function switchOf(name: string, text: string | undefined, otherwise: boolean): boolean {
  if (text === undefined) return otherwise;
  if (text === "true" || text === "false") return text === "true";
  throw new TtsctlError("USAGE", `${name}: ${JSON.stringify(text)} is wrong`, { hint: "accepted: true, false" });
}
