import { usage } from "../errors.ts";
import { quoted, shellWord } from "../printable.ts";
import type { Snapshot } from "../store/file/snapshot.ts";
import type { SourceChoice } from "../store/mirror-link.ts";
import { tasksNamed } from "../store/tasks-with-id.ts";
import { firstOf } from "../task/amounts.ts";
import { memberOf, type TaskId, uniqueTasks } from "../task/ids.ts";
import { CHOOSING_PARTS, type RawQuery } from "../task/query-fields.ts";
import type { QueryContext } from "./list-query.ts";
import type { RunParts } from "./parts.ts";

/** The rules, time and settings that check this run's query. */
export async function checkingOf(parts: RunParts, { stuck }: RawQuery): Promise<Omit<QueryContext, "names">> {
  const stuckAfter = stuck ? (await parts.settings()).cleanup.stuckAfter.value : 0;
  return { rules: await parts.rules(), now: parts.clock.now(), stuckAfter };
}

interface How extends Pick<QueryContext, "names" | "takesNames" | "takesNone"> {
  /** Where tasks named without a user are looked up; null leaves them to the caller. Default: `auto`. */
  readonly source?: SourceChoice | null;
  /** How a message names one of several tasks. */
  readonly instead?: (id: TaskId) => string;
  /** Without a selection nothing may change all tasks (docs/contract.md, Commands). `hint`: how to choose. */
  readonly change?: { readonly all: boolean; readonly allName?: string; readonly hint: string };
}

/** The tasks that a query chooses. @throws TtsctlError USAGE, also if a name means several tasks, REDIS_*, STORE_* */
export async function selectionIn(parts: RunParts, raw: RawQuery, how: How) {
  const { buildFilter, checkIds, shortestAge } = await import("./list-query.ts");
  const { source = "auto", instead, change, ...naming } = how;
  const isGiven = CHOOSING_PARTS.some((part) => raw[part] != null && raw[part] !== false);
  if (change?.all === isGiven) {
    const { all, allName = "--all", hint } = change;
    throw usage(all ? `${allName} can't be used with a selection` : "no tasks chosen", hint);
  }
  const checking = { ...naming, ...(await checkingOf(parts, raw)) };
  const ids = checkIds(raw, checking);
  const selection = { ids, filter: buildFilter(raw, checking), age: shortestAge(raw, checking) };
  return source === null ? selection : { ...selection, ids: await foundIds(parts, ids, source, instead) };
}

/** Tasks with their users (none if not found), without repeats. @param instead names one of several @throws USAGE for several, REDIS_*, STORE_* */
export async function foundIds<I extends readonly TaskId[] | null>(
  parts: RunParts,
  ids: I,
  where: SourceChoice | Snapshot,
  instead = ({ userId, taskId }: TaskId) => `--user ${shellWord(userId)} --ids ${shellWord(taskId)}`,
): Promise<I | TaskId[]> {
  if (ids === null || ids.every(({ userId }) => userId !== "")) return ids;
  const texts = ids.map(({ taskId }) => taskId);
  const place = typeof where === "string" ? { ...(await parts.stores()), source: where } : where;
  const found = await tasksNamed(texts, await parts.rules(), place);
  const chosen = found.map((tasks, i) => {
    if (tasks.length <= 1) return tasks[0] ?? ids[i]!;
    const some = tasks.slice(0, 10);
    const list = firstOf(some.map(memberOf), tasks.length);
    const what = `${tasks.length} users have a task ${quoted(texts[i]!)}: ${list}`;
    throw usage(what, `name the user too: ${some.map(instead).join("; ")}`);
  });
  return uniqueTasks(chosen);
}
