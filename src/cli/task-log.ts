import type { LogPart } from "../artifacts/artifacts.ts";
import type { GetParts } from "../operations/get.ts";
import { logText } from "../render/item-lines.ts";
import type { SourceChoice } from "../store/mirror-link.ts";
import type { TaskId } from "../store/task-source.ts";
import { memberOf } from "../task/ids.ts";
import { isTerminal, shownStatus } from "../task/status.ts";
import type { Context } from "./context.ts";
import { DONE, FAILED, INTERRUPTED } from "./emit.ts";
import { accepting } from "./selection.ts";

export const LOG_LINES = 20;
export const MOST_LOG_LINES = 10_000;

/** A parser of a number of lines. @param where the name of the flag or parameter, for messages */
export function lineCount(where = ""): (text: string) => number {
  return accepting(`a number of lines from 1 to ${MOST_LOG_LINES}${where}`, (text) => {
    const count = /^\d{1,9}$/.test(text) ? Number(text) : 0;
    return count >= 1 && count <= MOST_LOG_LINES ? count : undefined;
  });
}

interface Followed {
  readonly id: TaskId;
  readonly source: SourceChoice;
  /** Last lines to begin with; null for all. */
  readonly count: number | null;
  /** Null for an invalid record, which isn't waited for. */
  readonly status: string | null;
}

/**
 * Prints new lines of a task's logs. Returns FAILED if the task failed, DONE if it ended otherwise or was deleted, INTERRUPTED
 * on a signal: scripts must see that the task hasn't ended.
 */
export async function followTask(
  context: Context,
  parts: GetParts,
  { id, source, count, status }: Followed,
): Promise<number> {
  const { signal, clock } = context; // from here on, a stop signal is waited for
  const finished = status === null || isTerminal(status);
  const name = memberOf(id.userId, id.taskId);
  const logs = parts.artifacts.followLogs(id.taskId);
  context.onRelease(async () => logs.close());
  const began = await logs.begin(count);
  if (!began && !finished) await context.inform(`${name} has no log yet: waiting for one`);
  const { followLog, TaskState } = await import("../operations/follow.ts");
  const state = new TaskState({ ...parts, clock }, id, source);
  const end = await followLog({
    clock,
    logs,
    signal,
    finished,
    state: () => state.look(),
    onLines: linePrinter(context),
    onNews: (line) => context.inform(line),
  });
  const last = shownStatus((finished ? status : state.status) ?? "");
  if (end === "gone") await context.inform(`${name} is gone from both stores`);
  if (end === "finished") await context.inform(`${name} is finished${last === undefined ? "" : `: ${last}`}`);
  if (end === "interrupted" || (end === "unread" && signal.aborted)) return INTERRUPTED;
  return end === "finished" && last === "error" ? FAILED : DONE;
}

/** Prints lines, with the log's name if it changes. Returns false if the reader closed the pipe. */
export function linePrinter(context: Context): (part: LogPart) => Promise<boolean> {
  const asObjects = context.flags.output === "jsonl";
  const out = asObjects ? context.terminal.data : context.terminal.out;
  let last: string | undefined;
  return async ({ path, lines }) => {
    if (asObjects) await out.writeAll(lines.map((line) => `${JSON.stringify({ path, line })}\n`));
    else await out.writeAll(logText({ path, lines }, path !== last));
    last = path;
    return out.isOpen;
  };
}
