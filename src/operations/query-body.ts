import { TtsctlError } from "../errors.ts";
import type { QueryNames, RawQuery } from "./list-query.ts";

/** How the parts of a query are named in its JSON body. */
export const BODY_NAMES: QueryNames = {
  page: '"page"',
  pageSize: '"page_size"',
  userId: '"user_id"',
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

const BODY: ReadonlyMap<string, Check> = new Map([
  ["page", NUMBER],
  ["page_size", NUMBER],
  ["user_id", TEXT],
  ["task_ids", TEXTS],
  ["status", TEXTS],
  ["since", TEXT],
  ["until", TEXT],
]);

/**
 * The body of `query` (SPEC section 5): every key optional, null counts as not given, and so does an empty list.
 * @param origin where the body came from, for messages
 * @throws TtsctlError USAGE for text that is no JSON object, unknown keys and wrong types
 */
export function parseQueryBody(text: string, origin: string): RawQuery {
  const body = parseObject(text, origin);
  for (const [key, value] of Object.entries(body)) checkKey(key, value, origin);
  const list = (value: unknown) => (Array.isArray(value) && value.length > 0 ? (value as string[]) : null);
  const text_ = (value: unknown) => (value as string | null | undefined) ?? null;
  const userId = text_(body.user_id);
  return {
    page: (body.page as number | null | undefined) ?? null,
    pageSize: (body.page_size as number | null | undefined) ?? null,
    // A form that was left empty sends an empty string.
    userId: userId?.trim() === "" ? null : userId,
    taskIds: list(body.task_ids),
    statuses: list(body.status),
    since: text_(body.since),
    until: text_(body.until),
  };
}

function parseObject(text: string, origin: string): Record<string, unknown> {
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
  const check = BODY.get(key);
  if (check === undefined) {
    const hint = `accepted: ${[...BODY.keys()].join(", ")}`;
    throw new TtsctlError("USAGE", `the query from ${origin} has an unknown key ${JSON.stringify(key)}`, { hint });
  }
  if (value === null || check.fits(value)) return;
  const got = JSON.stringify(value);
  const shown = got.length > 40 ? `${got.slice(0, 40)}...` : got;
  throw new TtsctlError("USAGE", `the query from ${origin} has a wrong ${JSON.stringify(key)}: ${shown}`, {
    hint: `accepted: ${check.accepted}`,
  });
}
