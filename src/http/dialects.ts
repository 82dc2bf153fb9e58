import type { Context } from "hono";
import { parseQueryObject, readQueryBody } from "../app/list-query.ts";
import { usage } from "../errors.ts";
import { fieldJson, setFields } from "../json/record.ts";
import type { DeleteResult } from "../operations/delete.ts";
import { itemJson, pageJson } from "../render/item.ts";
import type { ListResult } from "../store/task-store.ts";
import { parseWholeNumber } from "../task/amounts.ts";
import { idsIn, trimId } from "../task/ids.ts";
import { fieldOf, KEY_NAMES, QUERY_PARTS, type QueryPart, type RawQuery } from "../task/query-fields.ts";
import type { DialectName } from "../task/rules.ts";
import type { Task } from "../task/task.ts";
import { HttpError, json, problemOf, problemResponse } from "./answer.ts";
import type { Env, ServerParts } from "./parts.ts";
import { paramsOf, queryOf } from "./request.ts";

/** How the task endpoints read requests, whose queries aren't checked yet, and write answers. */
export type Dialect = typeof PLAIN;

/** Requests and answers as on the command line. */
export const PLAIN = {
  params: paramsOf,
  listOfUrl: (url: string) => queryOf(paramsOf(url, Object.values(KEY_NAMES))),
  listOfBody: (body: string) => readQueryBody(parseQueryObject(body, "the body"), "the body"),
  /** Whether a task id alone names a task, and one that is given twice is answered twice, in the order of the user's list. */
  isLoose: false,
  page: pageJson,
  task: (task: Task) => `${itemJson(task)}\n`,
  removed: (result: DeleteResult): object => result,
  refusal: (error: unknown, _method: string) => problemResponse(error),
};

const [OK, FAILED, NO_RESOURCE, WRONG_PARAMETER] = [0, 1, 2, 3];
/** By HTTP status; every other failure is FAILED. */
const CODES: Readonly<Record<number, number>> = {
  400: WRONG_PARAMETER,
  404: NO_RESOURCE,
  409: NO_RESOURCE,
  413: WRONG_PARAMETER,
  415: WRONG_PARAMETER,
};

const NO_USER = "缺少 user_id";

/** Further parameters that name tasks: `ids` as `task_ids`, and a single id. */
const ID_PARAMS = ["ids", KEY_NAMES.taskIds] as const;
const ONE_ID = "task_id";

/** Requests and answers of the published GPT-SoVITS API service. */
export const API_MS: Dialect = {
  params,
  listOfUrl(url) {
    const given = params(url, [...Object.values(KEY_NAMES), ...ID_PARAMS, ONE_ID]);
    const ids = [...ID_PARAMS.flatMap((name) => idsIn(given.get(name) ?? "")), given.get(ONE_ID) ?? ""].filter(Boolean);
    return withinLimits({ ...queryOf(given), taskIds: ids.length === 0 ? null : ids });
  },
  listOfBody(text) {
    const body = parseQueryObject(text, "the body");
    const known = QUERY_PARTS.map((part) => [KEY_NAMES[part], valueIn(part, body[KEY_NAMES[part]] ?? null)]);
    return withinLimits(readQueryBody(Object.fromEntries(known), "the body"));
  },
  isLoose: true,
  page: envelopedPage,
  task: (task) => `{"code":${OK},"message":"","data":${dataOf(task)}}\n`,
  removed: () => answer(OK, "", { removed: true }),
  refusal(error, method) {
    const { status, code, detail, hint } = problemOf(error);
    if (code === "TASK_NOT_FOUND") {
      return json(method === "DELETE" ? answer(OK, "", { removed: false }) : answer(NO_RESOURCE, "not found"));
    }
    if (code === "USER_REQUIRED") return json(answer(WRONG_PARAMETER, NO_USER));
    const message = hint === null ? detail : `${detail}; ${hint}`;
    return json(answer(CODES[status] ?? FAILED, message), [], error instanceof HttpError ? error.headers : {}, status);
  },
};

/** As in the service, unknown parameters such as `_t` are ignored, and the last of repeated ones counts. */
function params<N extends string>(url: string, accepted: readonly N[]): Map<N, string> {
  const all = new Map(new URLSearchParams(/\?.*/s.exec(url)?.[0]));
  return new Map(accepted.flatMap((name) => (all.get(name) ? [[name, all.get(name)!]] : [])));
}

/** @throws HttpError if the user is missing, which every list needs */
function withinLimits(raw: RawQuery): RawQuery {
  if (trimId(raw.users?.[0] ?? "") === "") throw new HttpError("USER_REQUIRED", NO_USER);
  return { ...raw, page: Math.max(1, raw.page ?? 1), pageSize: Math.max(1, Math.min(raw.pageSize ?? 10, 100)) };
}

function valueIn(part: QueryPart, value: unknown): unknown {
  const { key, kind } = fieldOf(part);
  if (kind === "number" && value !== null) {
    // Python's `int()`: a fraction is cut off, and a text may hold the number.
    const number = typeof value === "string" ? parseWholeNumber(value) : value;
    if (typeof number === "number") return Math.trunc(number);
    throw usage(`"${key}": ${JSON.stringify(value)} isn't a whole number`, "accepted: a whole number");
  }
  if (part === "taskIds") return Array.isArray(value) ? value.map(idText) : value || null;
  return kind === "user" ? idText(value) : value;
}

function idText(id: unknown): unknown {
  return typeof id === "number" ? String(id) : id;
}

function envelopedPage({ total, page, pageSize, tasks }: ListResult): string {
  const head = `{"total":${total},"pageIndex":${page},"pageSize":${Math.max(1, pageSize)}`;
  return `{"code":${OK},"message":"","data":${head},"data":[${tasks.map(dataOf).join(",")}]}}\n`;
}

/** The record. A `result_url` with the ids as they are is percent-encoded, as later versions of the service do, so that it can be fetched. */
function dataOf({ userId, taskId, json }: Task): string {
  const url: unknown = JSON.parse(fieldJson(json, "result_url") ?? "null");
  const raw = `/output/${userId}/${taskId}/`;
  const at = typeof url === "string" ? url.indexOf(raw) : -1;
  if (typeof url !== "string" || at < 0) return json;
  const encoded = url.slice(0, at) + url.slice(at).split("/").map(encodeURIComponent).join("/");
  return encoded === url ? json : setFields(json, new Map([["result_url", JSON.stringify(encoded)]]));
}

function answer(code: number, message: string, data: object = {}): object {
  return { code, message, data };
}

const DIALECTS: Readonly<Record<DialectName, Dialect>> = { plain: PLAIN, api_ms: API_MS };

/** Names the dialect of one request. The page of `serve` uses it, so it works under every setting. */
const DIALECT_HEADER = "ttsctl-dialect";

/** The dialect of a request to a task endpoint: the one that it names, else the setting. */
export function dialectOf(c: Context<Env>, { settings }: ServerParts): Dialect {
  const named = c.req.header(DIALECT_HEADER) ?? "";
  return DIALECTS[Object.hasOwn(DIALECTS, named) ? (named as DialectName) : settings.http.dialect.value];
}
