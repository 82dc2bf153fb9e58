import type { QueryNames, RawQuery } from "../operations/list-query.ts";
import type { ListResult, SourceChoice } from "../store/task-store.ts";
import type { Context } from "./context.ts";
import { DONE, PARTLY } from "./emit.ts";

/** What `list` and `query` have in common. */
export async function runList(
  context: Context,
  raw: RawQuery,
  source: SourceChoice,
  names: QueryNames,
): Promise<number> {
  const { buildListQuery } = await import("../operations/list-query.ts");
  const query = buildListQuery(raw, source, { names, times: await context.times(), now: context.clock.now() });
  const result = await (await context.taskStore()).list(query);
  for (const line of result.warnings) context.reporter.warn(line);
  await emitPage(context, result);
  const itemsAlone = context.flags.output === "jsonl" || context.flags.output === "csv";
  if (result.missing.length > 0 && itemsAlone) {
    context.reporter.warn(`not found: ${result.missing.join(", ")}`);
  }
  return result.missing.length > 0 ? PARTLY : DONE;
}

async function emitPage(context: Context, result: ListResult): Promise<void> {
  const { out } = context.terminal;
  const { pageJson, pageJsonLines } = await import("../render/page.ts");
  switch (context.flags.output) {
    case "json":
      return out.writeAll(pageJson(result));
    case "jsonl":
      return out.writeAll(pageJsonLines(result));
    case "yaml":
      return out.write((await import("../render/yaml.ts")).yamlOf([...pageJson(result)].join("")));
    case "csv":
      return out.write((await import("../render/csv.ts")).csvOfTasks(result.tasks));
    default:
      return emitTable(context, result);
  }
}

async function emitTable(context: Context, result: ListResult): Promise<void> {
  const [{ taskTable }, { pageFooter }, { printable }] = await Promise.all([
    import("../render/table.ts"),
    import("../render/page.ts"),
    import("../render/printable.ts"),
  ]);
  const style = await context.terminal.tableStyle(context.flags);
  if (result.tasks.length > 0) {
    await context.terminal.out.write(taskTable(result.tasks, context.flags.output === "wide", style));
  }
  if (!context.flags.quiet) await context.terminal.err.write(`${printable(pageFooter(result))}\n`);
}
