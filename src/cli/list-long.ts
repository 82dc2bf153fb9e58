import { csvFields, csvLine, csvTaskLines } from "../render/csv.ts";
import { itemJson } from "../render/item.ts";
import { fieldOf } from "../render/task-table.ts";
import { newestTasks, type Piece } from "../store/newest.ts";
import type { ListQuery } from "../store/task-store.ts";
import { counted } from "../task/counted.ts";
import type { Context } from "./context.ts";
import { DONE } from "./emit.ts";
import { leftOut, taskTableOf, tellingOf } from "./emit-page.ts";
import { openPager } from "./pager.ts";
import type { LookFlags } from "./selection.ts";

/** How a long list goes on and how it ended. */
interface Sum {
  total: number;
  shown: number;
  dangling: number;
  sources: Set<string>;
}

/** `--limit` above one page: the pieces are printed as they come, and none is kept. */
export async function listLong(context: Context, query: ListQuery, limit: number, look: LookFlags): Promise<number> {
  const sum: Sum = { total: 0, shown: 0, dangling: 0, sources: new Set() };
  const pieces = () => told(context, query, limit, sum);
  switch (context.flags.output) {
    case "json":
      await emitJson(context, pieces(), limit, sum);
      break;
    case "jsonl":
      for await (const { tasks } of pieces())
        await context.terminal.data.writeAll(tasks.map((task) => `${itemJson(task)}\n`));
      break;
    case "yaml":
      await emitYaml(context, pieces(), limit, sum);
      break;
    case "csv":
      await emitCsv(context, pieces, look);
      break;
    default:
      await emitTable(context, pieces(), look, sum);
  }
  return DONE;
}

/** The pieces, counted, their warnings told; ends early where nobody reads any more. */
async function* told(context: Context, query: ListQuery, limit: number, sum: Sum): AsyncGenerator<Piece> {
  const parts = { file: await context.fileStore(), link: await context.mirrorLink() };
  for await (const piece of newestTasks(parts, query, limit)) {
    for (const line of piece.warnings) context.reporter.warn(line);
    sum.total = Math.max(sum.total, piece.total);
    sum.shown += piece.tasks.length;
    sum.dangling += piece.dangling;
    if (piece.tasks.length > 0 || sum.sources.size === 0) sum.sources.add(piece.source);
    yield piece;
    if (!context.terminal.out.isOpen) return;
  }
}

function sourceOf({ sources }: Sum): string {
  return sources.size === 1 ? [...sources][0]! : "mixed";
}

/** The keys of a page; which store answered is known at the end. */
async function emitJson({ terminal }: Context, pieces: AsyncIterable<Piece>, limit: number, sum: Sum): Promise<void> {
  let before: string | undefined;
  for await (const { tasks } of pieces) {
    before ??= `{"total":${sum.total},"page":1,"pageSize":${sizeOf(limit, sum)},"items":[`;
    for (const task of tasks) {
      await terminal.data.write(before + itemJson(task));
      before = ",";
    }
  }
  const head = before === "," ? "" : before;
  await terminal.data.write(`${head}],"source":"${sourceOf(sum)}","missing":[],"dangling":${sum.dangling}}\n`);
}

async function emitYaml({ terminal }: Context, pieces: AsyncIterable<Piece>, limit: number, sum: Sum): Promise<void> {
  const { yamlOf } = await import("../render/yaml.ts");
  let isFirst = true;
  for await (const { tasks } of pieces) {
    if (isFirst)
      await terminal.data.write(
        `total: ${sum.total}\npage: 1\npageSize: ${sizeOf(limit, sum)}\nitems:${sum.total === 0 ? " []" : ""}\n`,
      );
    isFirst = false;
    if (tasks.length > 0) await terminal.data.write(yamlOf(`[${tasks.map(itemJson).join(",")}]`));
  }
  await terminal.data.write(`source: ${sourceOf(sum)}\nmissing: []\ndangling: ${sum.dangling}\n`);
}

function sizeOf(limit: number, { total }: Sum): number {
  return Math.min(limit, total);
}

/** Which columns there are is known only when all records were seen: without `--columns` they are read twice. */
async function emitCsv(context: Context, pieces: () => AsyncIterable<Piece>, look: LookFlags): Promise<void> {
  const { data } = context.terminal;
  let fields = look.columns?.map(fieldOf);
  if (fields === undefined) for await (const { tasks } of pieces()) fields = csvFields(tasks, fields);
  if (look.headers) await data.write(csvLine(fields!));
  const telling = await tellingOf(context, look);
  for await (const { tasks } of pieces()) await data.writeAll(csvTaskLines(tasks, fields!, telling));
}

async function emitTable(context: Context, pieces: AsyncIterable<Piece>, look: LookFlags, sum: Sum): Promise<void> {
  const table = await taskTableOf(context, look);
  let paged: Awaited<ReturnType<typeof openPager>> | undefined;
  try {
    for await (const { tasks } of pieces) {
      paged ??= await openPager(context.terminal, look.pager ? tasks.length + 2 : 0);
      if (tasks.length > 0) await paged.out.writeAll(table.block(tasks));
      if (!paged.out.isOpen) break;
    }
  } finally {
    await paged?.end();
  }
  await context.tell(`${sum.shown} of ${counted(sum.total, "task")}, from ${sourceOf(sum)}${leftOut(table)}`);
}
