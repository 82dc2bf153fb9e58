import { DONE, FAILED, INTERRUPTED, PARTLY } from "../../app/ended.ts";
import type { LogFollower, LogPart } from "../../artifacts/artifacts.ts";
import { usage } from "../../errors.ts";
import { followLog } from "../../operations/follow.ts";
import { logText } from "../../render/item-lines.ts";
import { firstOf, parseWholeNumber } from "../../task/amounts.ts";
import { memberOf, type TaskId } from "../../task/ids.ts";
import { isTerminal, shownStatus } from "../../task/status.ts";
import type { CommandSpec, Context, Flags } from "../context.ts";
import { accepting, addSource, findTask, tellAbsent } from "../selection.ts";

export const spec: CommandSpec = {
  about: "the logs of a task",
  declare(command) {
    command
      .argument("[user]")
      .argument("[task]")
      .usage("[options] [user] <task>")
      .option("--tail <lines>", "only the last lines", lineCount)
      .option("-f, --follow", "keep printing new lines, until the task is finished", false);
    addSource(command);
  },
  async run(context, flags, args) {
    const { source, follow, tail = null } = flags;
    const isWhole = context.flags.output === "json";
    if (follow && isWhole) throw usage("--follow can't be used with -o json", "use -o jsonl, or leave out --follow");
    const parts = { ...(await context.stores()), artifacts: null };
    const { id, result, isFound } = await findTask(context, parts, "logs", args, flags);
    if (!isFound) return tellAbsent(context, parts, id, source);
    const artifacts = await context.artifacts("show");
    const problem = artifacts.unread.get("logs");
    if (problem !== undefined) throw problem;
    const logs = artifacts.logsOf(id.taskId);
    if (follow) return followTask(context, logs, id, flags, result.task?.status ?? null);
    if (isWhole) {
      const log = await logs.last(tail ?? MOST_LOG_LINES);
      await context.terminal.data.write(`${JSON.stringify({ log })}\n`);
      return warnOfUnread(context, logs) && log.length === 0 ? PARTLY : DONE;
    }
    const print = linePrinter(context);
    let isEmpty = true;
    for await (const part of tail === null ? logs.all() : await logs.last(tail)) {
      isEmpty = false;
      if (!(await print(part))) return DONE;
    }
    const isUnread = warnOfUnread(context, logs);
    if (isEmpty && !isUnread) await context.inform(`${memberOf(id)} has no log`);
    return isEmpty && isUnread ? PARTLY : DONE;
  },
  examples: `
--follow ends with 0 when the task is done or deleted, with 1 when it failed,
and with 130 on Ctrl-C. With -o jsonl each line is an object.
Examples:
  ttsctl logs alice t04
  ttsctl logs t04                 the task with that id, of any user
  ttsctl logs alice:t04 --tail 50
  ttsctl logs alice t04 --follow  new lines as they come`,
};

function warnOfUnread({ reporter }: Context, { unread }: LogFollower): boolean {
  if (unread.size > 0) reporter.warn(`not read: ${firstOf([...unread].slice(0, 3), unread.size, "; ")}`);
  return unread.size > 0;
}

const MOST_LOG_LINES = 10_000;

const lineCount = accepting(`a number of lines from 1 to ${MOST_LOG_LINES}`, (text) => {
  const count = parseWholeNumber(text) ?? 0;
  return count >= 1 && count <= MOST_LOG_LINES ? count : undefined;
});

/** Returns INTERRUPTED on a signal: scripts must see that the task hasn't ended. @param status null for an invalid record */
async function followTask(context: Context, logs: LogFollower, id: TaskId, flags: Flags, status: string | null) {
  const { signal, clock } = context; // from here on, a stop signal is waited for
  const finished = status === null || isTerminal(status);
  const name = memberOf(id);
  context.onRelease(async () => logs.close());
  const began = await logs.begin(flags.tail ?? null);
  warnOfUnread(context, logs);
  if (!began && !finished) await context.inform(`${name} has no log yet: waiting for one`);
  const parts = { ...(await context.stores()), logs };
  const heard = { onLines: linePrinter(context), onNews: (line: string) => context.inform(line) };
  const { end, status: now } = await followLog({ ...parts, clock, signal, finished, ...heard }, id, flags.source);
  const last = shownStatus((finished ? status : now) ?? "");
  if (end === "gone") await context.inform(`${name} is gone from both stores`);
  if (end === "finished") await context.inform(`${name} is finished${last === undefined ? "" : `: ${last}`}`);
  if (end === "interrupted" || (end === "unread" && signal.aborted)) return INTERRUPTED;
  return end === "finished" && last === "error" ? FAILED : DONE;
}

/** Prints lines, with the log's name if it changes. Returns false if the reader closed the pipe. */
function linePrinter(context: Context): (part: LogPart) => Promise<boolean> {
  const asObjects = context.flags.output === "jsonl";
  const out = asObjects ? context.terminal.data : context.terminal.out;
  let last: string | undefined;
  return async ({ path, lines }) => {
    const objects = () => lines.map((line) => `${JSON.stringify({ path, line })}\n`);
    await out.writeAll(asObjects ? objects() : logText({ path, lines }, path !== last));
    last = path;
    return out.isOpen;
  };
}
