import type { TaskFilter } from "../../../src/task/filter.ts";
import type { Ids } from "../../helpers/records.ts";
import type { RecordJson } from "../../helpers/root.ts";

const SHOWN: Record<string, string> = { queued: "wait", running: "run", succeeded: "done", failed: "error" };

/** A page as SPEC section 4 describes it, by sorting everything. */
export function modelPage(records: readonly (RecordJson & Ids)[], filter: TaskFilter, page: number, size: number) {
  const tasks = records.map((json) => ({
    ...{ user: json.user_id, name: `${json.user_id}:${json.task_id}` },
    ...{ status: SHOWN[json.status as string] ?? "", time: epochOf(json.updated_at as string) },
  }));
  const passing = tasks.filter(
    ({ user, status, time }) =>
      (filter.userId === undefined || filter.userId === user) &&
      (filter.statuses.size === 0 || filter.statuses.has(status)) &&
      (filter.since === null || filter.since <= time) &&
      (filter.until === null || time < filter.until),
  );
  passing.sort((a, b) => b.time - a.time || Buffer.compare(Buffer.from(b.name), Buffer.from(a.name)));
  const shown = passing.slice((page - 1) * size, page * size);
  return { total: passing.length, names: shown.map(({ name }) => name) };
}

function epochOf(text: string): number {
  return Date.parse(/Z$|[+-]\d\d:\d\d$/.test(text) ? text : `${text}Z`) / 1000;
}
