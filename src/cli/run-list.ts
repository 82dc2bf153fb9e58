import { TtsctlError } from "../errors.ts";
import { notFound } from "../render/not-found.ts";
import type { ListQuery } from "../store/task-store.ts";
import type { QueryNames, RawQuery } from "../task/query-fields.ts";
import type { Context } from "./context.ts";
import { DONE, PARTLY } from "./emit.ts";
import { isText } from "./globals.ts";
import type { LookFlags } from "./selection.ts";

/** What `list` and `query` have in common. */
export async function runList(context: Context, raw: RawQuery, look: LookFlags, names: QueryNames): Promise<number> {
  refuseConflicts(context, raw, look, names);
  const { buildListQuery, LARGEST_PAGE } = await import("../operations/list-query.ts");
  const { limit } = look;
  const paged = limit === undefined || limit > LARGEST_PAGE ? raw : { ...raw, pageSize: limit };
  const checking = { names, rules: await context.rules(), now: context.clock.now() };
  const query = buildListQuery(paged, look.source, checking);
  if (limit === undefined || limit <= LARGEST_PAGE) return listPage(context, query, look, names);
  const { listLong } = await import("./list-long.ts");
  return listLong(context, query, limit, look);
}

async function listPage(context: Context, query: ListQuery, look: LookFlags, names: QueryNames) {
  const store = await context.taskStore();
  const result = await store.list(query);
  for (const line of result.warnings) context.reporter.warn(line);
  const { emitPage } = await import("./emit-page.ts");
  await emitPage(context, result, look);
  const { output, quiet } = context.flags;
  if (result.missing.length > 0 && (output === "jsonl" || output === "csv")) {
    context.reporter.warn(notFound(result.missing));
  }
  if (result.tasks.length === 0 && isText(output) && !quiet) {
    const { explainEmpty } = await import("../operations/explain-empty.ts");
    const parts = { store, file: await context.fileStore(), link: await context.mirrorLink() };
    await context.tell(await explainEmpty(parts, query, result, names));
  }
  return result.missing.length > 0 ? PARTLY : DONE;
}

function refuseConflicts({ flags: { output } }: Context, raw: RawQuery, look: LookFlags, names: QueryNames): void {
  const refuse = (message: string, hint: string) => {
    throw new TtsctlError("USAGE", message, { hint });
  };
  if (look.limit !== undefined && (raw.page != null || raw.pageSize != null)) {
    refuse(`--limit and ${names.page} or ${names.pageSize} exclude each other`, "a page, or the newest so many tasks");
  }
  if (look.limit !== undefined && raw.taskIds != null) {
    refuse(`--limit and ${names.taskIds} exclude each other`, "chosen tasks are all shown");
  }
  if (isText(output) || output === "csv") return;
  const given = [look.columns && "--columns", !look.headers && "--no-headers", look.time !== "raw" && "--time"];
  const first = given.find((flag) => typeof flag === "string");
  if (first !== undefined) refuse(`${first} is for tables and CSV, not for -o ${output}`, "JSON has the whole records");
}
