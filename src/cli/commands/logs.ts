import type { Command } from "commander";
import { usage } from "../../errors.ts";
import type { GetParts } from "../../operations/get.ts";
import type { SourceChoice } from "../../store/mirror-link.ts";
import type { TaskId } from "../../store/task-source.ts";
import { memberOf } from "../../task/ids.ts";
import type { Attach, Context } from "../context.ts";
import { DONE, emit, PARTLY } from "../emit.ts";
import { findTask, tellAbsent } from "../named-task.ts";
import { addSource } from "../selection.ts";
import { followTask, lineCount, linePrinter, MOST_LOG_LINES } from "../task-log.ts";
import { isText } from "../terminal.ts";

interface LogsFlags {
  readonly source: SourceChoice;
  readonly tail?: number;
  readonly follow: boolean;
}

export function declare(program: Command, attach: Attach): void {
  const command = program
    .command("logs")
    .argument("[user]")
    .argument("[task]")
    .usage("[options] [user] <task>")
    .description("the logs of a task")
    .option("--tail <lines>", "only the last lines", lineCount())
    .option("-f, --follow", "keep printing new lines, until the task is finished", false)
    .addHelpText("after", EXAMPLES);
  addSource(command);
  attach<LogsFlags>(command, runLogs);
}

const EXAMPLES = `
--follow ends with 0 when the task is done or deleted, with 1 when it failed,
and with 130 on Ctrl-C. With -o jsonl each line is an object.
Examples:
  ttsctl logs alice t04
  ttsctl logs t04                 the task with that id, of any user
  ttsctl logs alice:t04 --tail 50
  ttsctl logs alice t04 --follow  new lines as they come`;

async function runLogs(context: Context, flags: LogsFlags, args: string[]): Promise<number> {
  const { source, follow, tail = null } = flags;
  const { output } = context.flags;
  const isStreamed = isText(output) || output === "jsonl";
  if (follow && !isStreamed) {
    throw usage(`--follow can't be used with -o ${output}`, "use -o jsonl, or leave out --follow");
  }
  const parts = { ...(await context.stores()), artifacts: await context.artifacts() };
  const { id, result } = await findTask(context, parts, { command: "logs", args, source, logLines: null });
  if (result.task === null && result.invalid === null) {
    await tellAbsent(context, parts, id, source);
    return PARTLY;
  }
  if (follow) return followTask(context, parts, { id, source, count: tail, status: result.task?.status ?? null });
  return isStreamed ? printLines(context, parts, id, tail) : printWhole(context, parts, id, tail);
}

async function printLines(context: Context, { artifacts }: GetParts, id: TaskId, tail: number | null): Promise<number> {
  const { taskId } = id;
  const logs = tail === null ? artifacts.allLogLines(taskId) : await artifacts.lastLogLines(taskId, tail);
  const print = linePrinter(context);
  let isEmpty = true;
  for await (const part of logs) {
    isEmpty = false;
    if (!(await print(part))) return DONE;
  }
  if (isEmpty) await context.inform(`${memberOf(id.userId, taskId)} has no log`);
  return DONE;
}

/** The formats that need all of it at once, as `get --log` prints it. */
async function printWhole(context: Context, { artifacts }: GetParts, id: TaskId, tail: number | null): Promise<number> {
  const log = await artifacts.lastLogLines(id.taskId, tail ?? MOST_LOG_LINES);
  const rows = log.flatMap(({ path, lines }) => lines.map((line) => [path, line]));
  await emit(context, {
    json: () => [`${JSON.stringify({ log })}\n`],
    csv: ({ csvOfRows }) => csvOfRows(["path", "line"], rows),
    show: async () => {},
  });
  return DONE;
}
