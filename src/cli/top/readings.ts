import { TtsctlError } from "../../errors.ts";
import { NO_FILTER, type TaskFilter } from "../../task/query-fields.ts";
import { shownStatus } from "../../task/status.ts";
import type { Task } from "../../task/task.ts";
import { statsOf } from "../commands/stats.ts";
import type { Context } from "../context.ts";
import { errorText } from "../report-error.ts";
import { recordingOf } from "../terminal.ts";
import type { Counted, Listed, Row } from "./model.ts";

/** The most tasks in the list. */
const LISTED = 100;
const FAILURES = 5;
/** Seconds of the rates, and the most changes that are read for them. */
const WINDOW = 60;
const MOST_CHANGES = 1000;

/** @throws TtsctlError STORE_* if neither store can answer */
export async function readList(context: Context, filter: TaskFilter): Promise<Listed> {
  const store = await context.taskStore();
  const at = context.clock.now();
  const page = (filter: TaskFilter, pageSize: number) =>
    store.list({ filter, ids: null, page: 1, pageSize, source: "auto" });
  const { tasks, total, source, warnings } = await page(filter, LISTED);
  const lately = await page({ ...NO_FILTER, since: at - WINDOW }, MOST_CHANGES);
  const rate = lately.total > MOST_CHANGES ? null : await ratesOf(context, lately.tasks, at);
  return { at, rows: tasks.map(rowOf), total, source, rate, notes: [...new Set([...warnings, ...lately.warnings])] };
}

async function ratesOf(context: Context, tasks: readonly Task[], at: number): Promise<Listed["rate"]> {
  const times = await context.times();
  const count = (passes: (task: Task) => boolean) => tasks.filter(passes).length;
  return {
    created: count(({ createdAt }) => times.epochOf(createdAt) >= at - WINDOW),
    finished: count(({ status }) => shownStatus(status) === "done"),
    failed: count(({ status }) => shownStatus(status) === "error"),
  };
}

/** Reads the statuses of all tasks. @throws TtsctlError STORE_* if neither store can answer */
export async function readCounts(context: Context): Promise<Counted> {
  const { terminal } = recordingOf(context.terminal); // the list has the warnings
  const fork = context.fork(await context.settings(), { terminal, sharesMirror: true });
  try {
    const at = context.clock.now();
    const stats = await statsOf(fork, { source: "auto", userId: undefined, disk: false, estimate: false });
    const store = await fork.taskStore();
    const filter = { ...NO_FILTER, statuses: new Set(["error"]) };
    const { tasks } = await store.list({ filter, ids: null, page: 1, pageSize: FAILURES, source: "auto" });
    return { at, stats, failures: tasks.map(rowOf) };
  } finally {
    await fork.release();
  }
}

/**
 * Runs a step of `top` without the terminal.
 * @returns the lines that it printed; its error is the last one of `err`
 */
export async function recorded(context: Context, step: (fork: Context) => Promise<unknown>, sharesMirror = false) {
  const { terminal, takeLines } = recordingOf(context.terminal);
  const fork = context.fork(await context.settings(), { terminal, flags: { verbose: 0 }, sharesMirror });
  const problems: string[] = [];
  try {
    await step(fork);
  } catch (error) {
    if (!(error instanceof TtsctlError)) throw error;
    problems.push(errorText(error));
  } finally {
    await fork.release();
  }
  const { out, err } = takeLines();
  return { out, err: [...err, ...problems] };
}

/** Longer errors aren't kept. */
const LONGEST_ERROR = 500;

function rowOf({ userId, taskId, status, error, score }: Task): Row {
  return { userId, taskId, status: shownStatus(status) ?? status, error: error.slice(0, LONGEST_ERROR), score };
}
