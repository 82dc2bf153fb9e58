import type { ListResult } from "../store/task-store.ts";
import { counted } from "../task/counted.ts";
import { itemJson } from "./item.ts";

/** What `pageJson` writes, for who reads it (docs/json.md). */
export interface PageJson {
  readonly total: number;
  readonly page: number;
  readonly pageSize: number;
  readonly source: ListResult["source"];
  readonly items: readonly Readonly<Record<string, unknown>>[];
  readonly missing: readonly string[];
  readonly dangling: number;
}

/** `list -o json` (SPEC section 5), in pieces so that a large page never is one string more than it must. */
export function* pageJson(result: ListResult): Generator<string> {
  const { total, page, pageSize, source } = result;
  yield `{"total":${total},"page":${page},"pageSize":${pageSize},"source":"${source}","items":[`;
  let separator = "";
  for (const task of result.tasks) {
    yield separator + itemJson(task);
    separator = ",";
  }
  yield `],"missing":${JSON.stringify(result.missing)},"dangling":${result.dangling}}\n`;
}

/** The items alone, one a line. */
export function* pageJsonLines(result: ListResult): Generator<string> {
  for (const task of result.tasks) yield `${itemJson(task)}\n`;
}

/** Where a page stands among all, for people. */
export function pageFooter({ total, page, pageSize, source, tasks, missing }: ListResult): string {
  const pages = pageSize > 0 ? Math.max(1, Math.ceil(total / pageSize)) : 1;
  const where = page > pages ? `page ${page}, past the last one, ${pages}` : `page ${page} of ${pages}`;
  const shown = `${tasks.length} of ${counted(total, "task")}, ${where}, from ${source}`;
  return missing.length === 0 ? shown : `${shown}; not found: ${missing.join(", ")}`;
}
