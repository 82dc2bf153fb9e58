import { TtsctlError } from "../errors.ts";
import type { QueryNames, RawQuery } from "./list-query.ts";

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
