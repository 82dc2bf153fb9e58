import type { TaskTable } from "../render/task-table.ts";
import type { TimeTelling } from "../render/time-text.ts";
import type { ListResult } from "../store/task-store.ts";
import type { Context } from "./context.ts";
import { emit } from "./emit.ts";
import { openPager } from "./pager.ts";
import type { LookFlags } from "./selection.ts";

/** Prints one page in the format asked for. */
export async function emitPage(context: Context, result: ListResult, look: LookFlags): Promise<void> {
  const { pageJson, pageJsonLines } = await import("../render/page.ts");
  return emit(context, {
    json: () => pageJson(result),
    jsonLines: () => pageJsonLines(result),
    csv: () => csvOf(context, result, look),
    show: () => emitTable(context, result, look),
  });
}

async function csvOf(context: Context, { tasks }: ListResult, look: LookFlags): Promise<Iterable<string>> {
  const { csvFields, csvLine, csvTaskLines } = await import("../render/csv.ts");
  const { fieldOf } = await import("../render/task-table.ts");
  const fields = look.columns?.map(fieldOf) ?? csvFields(tasks);
  const lines = csvTaskLines(tasks, fields, await tellingOf(context, look));
  return look.headers ? [csvLine(fields), ...lines] : lines;
}

async function emitTable(context: Context, result: ListResult, look: LookFlags): Promise<void> {
  const table = await taskTableOf(context, look);
  const lines = result.tasks.length === 0 ? [] : [...table.block(result.tasks)];
  const paged = await openPager(context.terminal, look.pager ? lines.length + 1 : 0);
  await paged.out.writeAll(lines);
  await paged.end();
  const { pageFooter } = await import("../render/page.ts");
  await warnOfStrangeColumns(context, look, result);
  await context.tell(pageFooter(result) + leftOut(table));
}

/** Says which columns the terminal has no room for. */
export function leftOut({ left }: TaskTable): string {
  return left.length === 0 ? "" : `; no room for ${left.join(", ")}`;
}

/** The table that the flags ask for. */
export async function taskTableOf(context: Context, look: LookFlags): Promise<TaskTable> {
  const { TABLE_COLUMNS, TaskTable, WIDE_COLUMNS } = await import("../render/task-table.ts");
  const style = await context.terminal.tableStyle(context.flags);
  const columns = look.columns ?? (context.flags.output === "wide" ? WIDE_COLUMNS : TABLE_COLUMNS);
  return new TaskTable({ columns, headers: look.headers, style, telling: await tellingOf(context, look) });
}

export async function tellingOf(context: Context, look: LookFlags): Promise<TimeTelling> {
  return {
    style: look.time,
    times: await context.times(),
    zone: await context.zone(),
    now: context.clock.now(),
  };
}

/** Any name may be a field, so one that no task has is no error, though likely a mistake. */
async function warnOfStrangeColumns(context: Context, { columns }: LookFlags, { tasks }: ListResult): Promise<void> {
  if (columns === undefined || tasks.length === 0) return;
  const [{ fieldOf, KNOWN_COLUMNS }, { csvFields }, { nearest }] = await Promise.all([
    import("../render/task-table.ts"),
    import("../render/csv.ts"),
    import("../task/nearest.ts"),
  ]);
  const fields = csvFields(tasks);
  for (const column of columns) {
    if (KNOWN_COLUMNS.includes(column.toLowerCase()) || fields.includes(fieldOf(column))) continue;
    const like = nearest(column, [...KNOWN_COLUMNS, ...fields]);
    const hint = like.length === 0 ? "" : `; did you mean ${like.join(" or ")}?`;
    context.reporter.warn(`no task here has a field ${JSON.stringify(column)}${hint}`);
  }
}
