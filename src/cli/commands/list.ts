import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { buffer } from "node:stream/consumers";
import { checkingOf, foundIds } from "../../app/choose.ts";
import { DONE, PARTLY } from "../../app/ended.ts";
import type { QueryContext } from "../../app/list-query.ts";
import { describeSystemError, TtsctlError, usage } from "../../errors.ts";
import { COLUMNS, fieldOf, fieldsOf, itemJson, KNOWN_COLUMNS, pageHead, pageTail } from "../../render/item.ts";
import { notFound } from "../../render/item-lines.ts";
import { taskTable } from "../../render/table.ts";
import { type ListQuery, type ListResult, newestTasks, type Piece } from "../../store/task-store.ts";
import { counted, LIMIT_ACCEPTED, parseLimit } from "../../task/amounts.ts";
import { nearest } from "../../task/nearest.ts";
import { BODY_NAMES, FLAG_NAMES, LIST_PARTS, type QueryNames, type RawQuery } from "../../task/query-fields.ts";
import type { Task } from "../../task/task.ts";
import type { CommandSpec, Context, Flags } from "../context.ts";
import { Output } from "../io.ts";
import { nameLine } from "../names.ts";
import { addLook, addSelection, addWatch, idsOf, onceOrLive, rawQueryOf, refuseFlags } from "../selection.ts";
import { isText, type Terminal } from "../terminal.ts";

/** `list` and `query`. With `--limit` above one page, the tasks are printed as they come, and none is kept. */
async function listTasks(context: Context, raw: RawQuery, look: Flags, asking: Omit<QueryContext, "rules" | "now">) {
  const { names } = asking;
  refuseConflicts(context, raw, look, names);
  const { buildListQuery, LARGEST_PAGE } = await import("../../app/list-query.ts");
  const { limit = 0 } = look;
  const isLong = limit > LARGEST_PAGE;
  const checking = { ...asking, ...(await checkingOf(context, raw)) };
  const asked = buildListQuery(limit === 0 || isLong ? raw : { ...raw, pageSize: limit }, look.source, checking);
  const query = { ...asked, ids: await foundIds(context, asked.ids, look.source) };
  const page = isLong ? null : await (await context.stores()).list(query);
  const stores = await context.stores();
  let source: string | undefined;
  let [total, shown, dangling] = [0, 0, 0];
  let stopped: Piece["stopped"];
  /** Ends early if the reader closed the pipe. */
  async function* pieces() {
    for await (const piece of page === null ? newestTasks(stores, query, limit) : [page]) {
      for (const line of piece.warnings) context.reporter.warn(line);
      total = Math.max(total, piece.total);
      stopped ??= piece.stopped;
      shown += piece.tasks.length;
      dangling += piece.dangling;
      source ??= piece.source;
      if (piece.tasks.length > 0 && piece.source !== source) source = "mixed";
      yield piece.tasks;
      if (!context.terminal.out.isOpen) return;
    }
  }
  const listing = {
    pieces: pieces(),
    head: () => (page === null ? { total, page: 1, pageSize: Math.min(limit, total) } : pageHead(page)),
    // The source of a long list is known at its end.
    tail: () => (page === null ? { source, missing: [], dangling, stopped } : pageTail(page)),
    footer: () => (page === null ? `${shown} of ${counted(total, "task")}, from ${source}` : pageFooter(page)),
  };
  await print(context, listing, look);
  if (page !== null) await remark(context, look, query, page, names);
  return stopped || page?.missing.length || (look.exitStatus && total > 0) ? PARTLY : DONE;
}

function refuseConflicts({ flags: { output } }: Context, raw: RawQuery, look: Flags, names: QueryNames): void {
  if (look.limit !== undefined && (raw.page != null || raw.pageSize != null)) {
    const both = `--limit can't be used with ${names.page} or ${names.pageSize}`;
    throw usage(both, "use --limit for the first N tasks, or a page without --limit");
  }
  if (look.limit !== undefined && raw.taskIds != null) {
    throw usage(`--limit can't be used with ${names.taskIds}`, "all tasks chosen by id are shown");
  }
  if (isText(output) || output === "csv") return;
  refuseFlags({ ...look, noHeaders: !look.headers }, ["--columns", "--no-headers", "--time"], `with -o ${output}`);
}

type Texts = AsyncIterable<Iterable<string>>;

/** Tasks to print, and the fields around them in JSON and YAML. */
interface Listing {
  readonly pieces: Iterable<readonly Task[]> | AsyncIterable<readonly Task[]>;
  /** Called after the first piece, and the others after the last. */
  head(): object;
  tail(): object;
  footer(): string;
}

/** What a page doesn't show. */
async function remark(context: Context, look: Flags, query: ListQuery, page: ListResult, names: QueryNames) {
  const { output, quiet } = context.flags;
  const { tasks, total, missing } = page;
  const isPage = look.limit === undefined && query.ids === null;
  if (output === "ids" && isPage && total > query.page * query.pageSize) {
    context.reporter.warn(`${tasks.length} of ${counted(total, "task")}; --limit all prints them all`);
  }
  if (missing.length > 0 && ["jsonl", "csv", "ids"].includes(output)) context.reporter.warn(notFound(missing));
  if (isText(output)) warnOfStrangeColumns(context, look, tasks);
  if (tasks.length > 0 || !isText(output) || quiet) return;
  const { explainEmpty } = await import("../../operations/explain-empty.ts");
  await context.inform(await explainEmpty(await context.stores(), query, page, names));
}

async function print(context: Context, listing: Listing, look: Flags): Promise<void> {
  const { output } = context.flags;
  if (isText(output)) return printTable(context, listing, look);
  const csv = () => csvTexts(context, listing, look);
  const forms = { json, jsonl: lines(itemJson), yaml, csv, ids: lines(nameLine) };
  for await (const text of forms[output](listing)) await context.terminal.data.writeAll(text);
}

async function* json({ pieces, head, tail }: Listing): Texts {
  const beginning = () => `${JSON.stringify(head()).slice(0, -1)},"items":[`;
  let isEmpty = true;
  for await (const tasks of pieces) {
    if (tasks.length === 0) continue;
    yield [isEmpty ? beginning() : ",", tasks.map(itemJson).join(",")];
    isEmpty = false;
  }
  yield [isEmpty ? beginning() : "", `],${JSON.stringify(tail()).slice(1)}\n`];
}

async function* yaml({ pieces, head, tail }: Listing): Texts {
  const { yamlOf } = await import("../../render/yaml.ts");
  let isEmpty = true;
  for await (const tasks of pieces) {
    if (tasks.length === 0) continue;
    const items = yamlOf(`{"items":[${tasks.map(itemJson).join(",")}]}`);
    yield isEmpty ? [yamlOf(JSON.stringify(head())), items] : [items.slice(items.indexOf("\n") + 1)];
    isEmpty = false;
  }
  if (isEmpty) yield [yamlOf(JSON.stringify({ ...head(), items: [] }))];
  yield [yamlOf(JSON.stringify(tail()))];
}

function lines(line: (task: Task) => string) {
  return async function* ({ pieces }: Listing): Texts {
    for await (const tasks of pieces) yield tasks.map((task) => `${line(task)}\n`);
  };
}

/** Without `--columns` the fields of the first piece are the columns; what others have besides is named. */
async function* csvTexts(context: Context, { pieces }: Listing, look: Flags): Texts {
  const { csvOf, csvTaskLines } = await import("../../render/csv.ts");
  const telling = await tellingOf(context, look);
  let fields: string[] | undefined;
  const left = new Set<string>();
  for await (const tasks of pieces) {
    const all = look.columns?.map(fieldOf) ?? fieldsOf(tasks, fields);
    if (fields === undefined && look.headers) yield [csvOf([all])];
    fields ??= all;
    for (const field of all.slice(fields.length)) left.add(field);
    yield csvTaskLines(tasks, fields, telling);
  }
  if (left.size > 0) {
    const names = [...left].join(", ");
    context.reporter.warn(`left out, because the first tasks don't have them: ${names}; --columns names the columns`);
  }
}

function pageFooter({ total, page, pageSize, source, tasks, missing }: ListResult): string {
  const pages = pageSize > 0 ? Math.max(1, Math.ceil(total / pageSize)) : 1;
  const where = page > pages ? `page ${page} (the last is ${pages})` : `page ${page} of ${pages}`;
  const shown = `${tasks.length} of ${counted(total, "task")}, ${where}, from ${source}`;
  return missing.length === 0 ? shown : `${shown}; ${notFound(missing)}`;
}

async function printTable(context: Context, { pieces, footer }: Listing, look: Flags): Promise<void> {
  const columns = look.columns ?? COLUMNS[context.flags.output === "wide" ? "wide" : "table"];
  const [style, telling] = [await context.tableStyle(), await tellingOf(context, look)];
  const table = taskTable(columns, look.headers, style, telling);
  let paged: Awaited<ReturnType<typeof openPager>> | undefined;
  try {
    for await (const tasks of pieces) {
      const lines = tasks.length === 0 ? [] : [...table.block(tasks)];
      paged ??= await openPager(context.terminal, look.pager ? lines.length + 1 : 0);
      await paged.out.writeAll(lines);
      if (!paged.out.isOpen) break;
    }
  } finally {
    await paged?.end();
  }
  const left = table.left();
  await context.inform(footer() + (left.length === 0 ? "" : `; no room for ${left.join(", ")}`));
}

async function tellingOf(context: Context, look: Flags) {
  const { flags, terminal } = context;
  const style: Flags["time"] = look.time ?? (isText(flags.output) && terminal.outIsTerminal ? "age" : "raw");
  const rules = await context.rules();
  return { style, times: rules.times(), zone: rules.zone, now: context.clock.now() };
}

/** Any name may be a field, so one that no task has is only a likely mistake. */
function warnOfStrangeColumns(context: Context, { columns }: Flags, tasks: readonly Task[]): void {
  if (columns === undefined || tasks.length === 0) return;
  const fields = fieldsOf(tasks);
  for (const column of columns) {
    if (KNOWN_COLUMNS.includes(column.toLowerCase()) || fields.includes(fieldOf(column))) continue;
    const like = nearest(column, [...KNOWN_COLUMNS, ...fields]).join(" or ");
    context.reporter.warn(`no task here has a field ${JSON.stringify(column)}${like && `; did you mean ${like}?`}`);
  }
}

/** A pager if the lines don't fit the terminal, else stdout. It handles Ctrl-C; if it fails, the command doesn't. */
async function openPager(terminal: Terminal, lines: number) {
  const words = lines >= (terminal.streams.stdout.rows || Number.POSITIVE_INFINITY) ? terminal.pager() : null;
  const unpaged = { out: terminal.out, end: async () => {} };
  if (words === null) return unpaged;
  const reclaim = terminal.lend();
  const child = spawn(words[0]!, words.slice(1), { stdio: ["pipe", "inherit", "inherit"], env: terminal.env });
  const closed = once(child, "close").catch(() => {});
  const ignore = () => {};
  process.on("SIGINT", ignore);
  const out = new Output(child.stdin);
  const end = async () => {
    child.stdin.end();
    await closed;
    process.off("SIGINT", ignore);
    reclaim();
  };
  try {
    await once(child, "spawn");
    return { out, end };
  } catch {
    await end();
    return unpaged;
  }
}

export const spec: CommandSpec = {
  about: "page through tasks, newest first, from Redis or the store file",
  declare: (command) => addWatch(addLook(addSelection(addSelection(command), LIST_PARTS))),
  async run(context, flags) {
    const raw = await rawQueryOf(context, flags);
    return onceOrLive(context, flags, (once) => listTasks(once, raw, flags, { names: FLAG_NAMES, ...idsOf(flags) }));
  },
  examples: `
Examples:
  ttsctl list                             the newest 20 tasks
  ttsctl list --ids alice:t01,bob:t08     two tasks, in this order
  ttsctl list -s error -o ids             one user:task per line, for --ids -
  ttsctl list --status error --since 2h   failures of the last two hours
  ttsctl list --source file --page 2      the second page, only from the file
  ttsctl list --limit all -o csv          everything, for a spreadsheet
  ttsctl list --columns user,task,text --time age
  ttsctl list --status run --watch        running tasks, redrawn in place
  ttsctl list --stuck --exit-status -q    exit code 3 for an alert
  ttsctl list --search "no voice"         in text, error or ids`,
};

export const query: CommandSpec = {
  about: "list tasks by a JSON query, with any number of ids",
  declare(command) {
    command
      .argument("[json]", "the query; without it and without --file it is read from stdin")
      .option("-f, --file <file>", "read the query from a file (- for stdin)");
    addLook(command);
  },
  async run(context, flags, [argument]) {
    const { text, origin } = await readBody(context, argument, flags.file);
    const { parseQueryObject, readQueryBody } = await import("../../app/list-query.ts");
    const { limit: given = null, ...body } = parseQueryObject(text, origin);
    if (given !== null && flags.limit !== undefined)
      throw usage(`the limit is given twice: --limit, and "limit" in ${origin}`, "give it once");
    const limit = ["number", "string"].includes(typeof given) ? parseLimit(`${given}`) : flags.limit;
    if (given !== null && limit === undefined)
      throw usage(`${origin} has an invalid "limit": ${JSON.stringify(given)}`, `accepted: ${LIMIT_ACCEPTED}`);
    const look = limit === undefined ? flags : { ...flags, limit };
    return listTasks(context, readQueryBody(body, origin, ["limit"]), look, { names: BODY_NAMES });
  },
  examples: `
The query, every key of it optional:
  {"page": 1, "page_size": 20, "user_id": "alice", "task_ids": ["t01", "t02"],
   "status": ["done"], "since": "2h", "until": null}
"limit": 5000 or "all" instead of a page gives the first tasks, as --limit does.
Examples:
  ttsctl query '{"user_id": "alice", "task_ids": ["t01", "t02"]}'
  ttsctl query --file ids.json -o jsonl
  jq -n '{user_id: "alice", status: ["error"]}' | ttsctl query`,
};

async function readBody(context: Context, argument: string | undefined, file: string | undefined) {
  if (argument !== undefined && file !== undefined) {
    throw usage("the query is given twice", "give it as the argument or with --file, not both");
  }
  if (argument !== undefined) return { text: argument, origin: "the argument" };
  if (file === undefined || file === "-") {
    const { stdin } = context.terminal.streams;
    if (stdin.isTTY) throw usage("no query", "give it as the argument, with --file, or on stdin");
    return { text: (await buffer(stdin)).toString("utf8"), origin: "stdin" };
  }
  try {
    return { text: await readFile(resolve(context.caller.cwd, file), "utf8"), origin: file };
  } catch (cause) {
    throw new TtsctlError("USAGE", `cannot read the query from ${file}: ${describeSystemError(cause)}`, { cause });
  }
}
