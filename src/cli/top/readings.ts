import { checkNewStatus, deleteChosen, markChosen, type NewStatus } from "../../app/change.ts";
import type { RunParts } from "../../app/parts.ts";
import { statsOf } from "../../app/stats.ts";
import { ours } from "../../errors.ts";
import { getTask } from "../../operations/get.ts";
import { type Reporter, SILENT } from "../../operations/reporter.ts";
import { logText, notFound } from "../../render/item-lines.ts";
import { memberOf } from "../../task/ids.ts";
import { NO_FILTER, ofUser, type TaskFilter } from "../../task/query-fields.ts";
import { OTHER_STATUS, shownStatus } from "../../task/status.ts";
import type { Task } from "../../task/task.ts";
import { describeDelete } from "../commands/delete.ts";
import { getLines } from "../commands/get.ts";
import { describeMark } from "../commands/mark.ts";
import type { Context } from "../context.ts";
import { errorText } from "../report-error.ts";

/** A task in a list, without its record, and with the shown status. */
export type Row = Pick<Task, "userId" | "taskId" | "status" | "error" | "score">;

export type Change = { readonly kind: "delete" } | { readonly kind: "mark"; readonly status: string };

/** Seconds of the rates, and the most changes that are read for them. */
const WINDOW = 60;
const MOST_CHANGES = 1000;

export type Listed = Awaited<ReturnType<typeof readList>>;

/** The newest tasks, and the rates of the last minute, unless it had too many changes. @throws STORE_* if no store can answer */
export async function readList(context: Context, filter: TaskFilter) {
  const store = await context.stores();
  const at = context.clock.now();
  const page = (filter: TaskFilter, pageSize: number) =>
    store.list({ filter, ids: null, page: 1, pageSize, source: "auto" });
  const { tasks, total, source, warnings } = await page(filter, 100);
  const lately = await page({ ...NO_FILTER, since: at - WINDOW }, MOST_CHANGES);
  const times = (await context.rules()).times();
  const count = (passes: (task: Task) => boolean) => lately.tasks.filter(passes).length;
  const rate = {
    created: count(({ createdAt }) => times.epochOf(createdAt) >= at - WINDOW),
    finished: count(({ status }) => shownStatus(status) === "done"),
    failed: count(({ status }) => shownStatus(status) === "error"),
  };
  const notes = [...new Set([...warnings, ...lately.warnings])];
  return { at, rows: tasks.map(rowOf), total, source, rate: lately.total > MOST_CHANGES ? null : rate, notes };
}

export type Counted = Awaited<ReturnType<typeof readCounts>>;

/** Reads the statuses of all tasks, and the newest failures. The list has the warnings. @throws STORE_* if no store can answer */
export async function readCounts(context: Context) {
  return context.inStep({ reporter: SILENT, sharesMirror: true, log: () => {} }, async (step) => {
    const at = context.clock.now();
    const stats = await statsOf(step, { source: "auto", userId: undefined, disk: false, estimate: false });
    const store = await step.stores();
    const filter = { ...NO_FILTER, statuses: new Set(["error"]) };
    const { tasks } = await store.list({ filter, ids: null, page: 1, pageSize: 5, source: "auto" });
    return { at, stats, failures: tasks.map(rowOf) };
  });
}

/** What `get` prints of a task, and the end of its logs. */
export async function taskLines(context: Context, row: Row): Promise<string[]> {
  const { notes, lines } = await noted(context, true, async (step) => {
    const parts = { ...(await step.stores()), artifacts: await step.artifacts("show") };
    const result = await getTask(parts, row, "auto");
    if (result.task === null && result.invalid === null) return [notFound([memberOf(row)])];
    const logs = await parts.artifacts.logsOf(row.taskId).last(200);
    const lines = [...getLines(result, await context.tableStyle()), ...logs.flatMap((log) => [...logText(log)])];
    return [...lines.map((line) => line.trimEnd()), ...result.warnings];
  });
  return [...notes, ...lines];
}

/** The lines of a step, with its warnings and its error. */
async function noted(context: Context, sharesMirror: boolean, work: (step: RunParts) => Promise<string[]>) {
  const notes: string[] = [];
  const reporter: Reporter = { ...SILENT, warn: (line) => void notes.push(`warning: ${line}`) };
  try {
    return { notes, lines: await context.inStep({ reporter, sharesMirror, log: () => {} }, work) };
  } catch (error) {
    return { notes, lines: [errorText(ours(error))] };
  }
}

function rowOf({ userId, taskId, status, error, score }: Task): Row {
  return { userId, taskId, status: shownStatus(status) ?? status, error: error.slice(0, 500), score };
}

const OPTIONS = { dryRun: false, allowEmpty: false };

/** Marks or deletes a task as the commands do, if it still has the status that was shown. @returns lines about the outcome */
export async function changeTask(context: Context, row: Row, change: Change): Promise<string[]> {
  const { userId, taskId, status } = row;
  const statuses = new Set([shownStatus(status) ?? OTHER_STATUS]);
  const selection = { ids: [{ userId, taskId }], filter: { ...ofUser(userId), statuses }, age: null };
  const { notes, lines } = await noted(context, false, async (step) => {
    const to = change.kind === "mark" ? checkNewStatus(change.status) : null;
    await step.requireConfig(to === null);
    const remove = () => deleteChosen(step, { ...OPTIONS, force: false, maxDelete: null }, { selection });
    const mark = (to: NewStatus) => markChosen(step, { ...OPTIONS, ...to, maxMark: null }, { selection });
    const ended = await (to === null ? remove() : mark(to));
    if (ended.error !== null) throw ended.error;
    const { result } = ended;
    if (result.requested === 0)
      return [`${memberOf({ userId, taskId })} isn't ${status} any more: nothing was changed`];
    const text = "deleted" in result ? describeDelete(result) : describeMark(result, to!.shown);
    return text.split("\n", 1); // the warnings have the rest
  });
  return [...lines, ...notes];
}
