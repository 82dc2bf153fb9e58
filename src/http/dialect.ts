import type { DeleteResult } from "../operations/delete.ts";
import { parseQueryBody } from "../operations/list-query.ts";
import { itemJson } from "../render/item.ts";
import { pageJson } from "../render/page.ts";
import type { ListResult } from "../store/task-store.ts";
import { BODY_NAMES, KEY_NAMES, type QueryNames, type RawQuery } from "../task/query-fields.ts";
import type { Task } from "../task/task.ts";
import { listParams, paramsOf } from "./params.ts";
import { problemResponse } from "./problem.ts";

/** A list as a request asks for it, unchecked, and the names of its parts in messages. */
export interface AskedList {
  readonly raw: RawQuery;
  readonly names: QueryNames;
}

/** How the task endpoints read requests and write answers. The work in between is the same in every dialect. */
export interface Dialect {
  /** @throws TtsctlError USAGE */
  params<N extends string>(url: string, accepted: readonly N[]): Map<N, string>;
  /** @throws TtsctlError USAGE, HttpError */
  listOfUrl(url: string): AskedList;
  /** @throws TtsctlError USAGE, HttpError */
  listOfBody(url: string, body: string): AskedList;
  /** Whether a task id is enough to name a task. */
  readonly takesLoneIds: boolean;
  /** Whether an id that is asked for twice is answered twice, and user lists decide the order of the answer. */
  readonly repeatsIds: boolean;
  /** The JSON of a list, in pieces. */
  page(result: ListResult): Iterable<string>;
  /** The JSON of one task. */
  task(task: Task): string;
  removed(result: DeleteResult): object;
  refusal(error: unknown, method: string): Response;
}

/** Requests and answers as on the command line. */
export const PLAIN: Dialect = {
  params: paramsOf,
  listOfUrl: (url) => ({ raw: listParams(url), names: KEY_NAMES }),
  listOfBody: (url, body) => {
    paramsOf(url, []);
    return { raw: parseQueryBody(body, "the body"), names: BODY_NAMES };
  },
  takesLoneIds: false,
  repeatsIds: false,
  page: pageJson,
  task: (task) => `${itemJson(task)}\n`,
  removed: (result) => result,
  refusal: problemResponse,
};
