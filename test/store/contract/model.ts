import type { TaskFilter } from "../../../src/task/query-fields.ts";
import type { RecordRules } from "../../../src/task/rules.ts";
import type { Ids } from "../../helpers/records.ts";
import type { RecordJson } from "../../helpers/root.ts";

const SHOWN: Record<string, string> = { queued: "wait", running: "run", succeeded: "done", failed: "error" };

/** A page as SPEC sections 4 and 10 describe it, by sorting everything. */
export function modelPage(
  records: readonly (RecordJson & Ids)[],
  filter: TaskFilter,
  page: number,
  size: number,
  { layout }: Pick<RecordRules, "layout">,
) {
  const isQuoted = layout === "api_ms";
  const tasks = records.map((json) => ({
    ...{ user: json.user_id, name: `${json.user_id}:${json.task_id}` },
    ...{ member: isQuoted ? `${quoted(json.user_id)}:${quoted(json.task_id)}` : `${json.user_id}:${json.task_id}` },
    ...{
      speaker: String(json.speaker ?? ""),
      status: SHOWN[json.status as string] ?? "",
      time: epochOf(json.updated_at as string, isQuoted),
    },
  }));
  const passing = tasks.filter(
    ({ user, status, time, speaker }) =>
      (filter.users.size === 0 || filter.users.has(user)) &&
      (filter.statuses.size === 0 || filter.statuses.has(status)) &&
      (filter.fields.get("speaker")?.has(speaker) ?? true) &&
      (filter.since === null || filter.since <= time) &&
      (filter.until === null || time < filter.until),
  );
  passing.sort((a, b) => b.time - a.time || Buffer.compare(Buffer.from(b.member), Buffer.from(a.member)));
  const shown = passing.slice((page - 1) * size, page * size);
  return { total: passing.length, names: shown.map(({ name }) => name) };
}

function epochOf(text: string, inSeconds: boolean): number {
  const epoch = Date.parse(/Z$|[+-]\d\d:\d\d$/.test(text) ? text : `${text}Z`) / 1000;
  return inSeconds ? Math.trunc(epoch) : epoch;
}

/** As Python's `quote_plus`. */
function quoted(id: string): string {
  const bytes = [...Buffer.from(id)].map((byte) => {
    const char = String.fromCharCode(byte);
    if (/[A-Za-z0-9_.~-]/.test(char)) return char;
    return char === " " ? "+" : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  });
  return bytes.join("");
}
