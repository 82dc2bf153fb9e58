import type { Sort, TaskFilter } from "../../../src/task/query-fields.ts";
import type { RecordRules } from "../../../src/task/rules.ts";
import type { Ids } from "../../helpers/records.ts";
import type { RecordJson } from "../../helpers/root.ts";

const SHOWN: Record<string, string> = { queued: "wait", running: "run", succeeded: "done", failed: "error" };

/** A page as docs/contract.md, Reading and Deployments describe it, by sorting everything. */
export function modelPage(
  records: readonly (RecordJson & Ids)[],
  filter: TaskFilter,
  page: number,
  size: number,
  { layout }: Pick<RecordRules, "layout">,
  sort: Sort = "updated",
) {
  const isQuoted = layout === "api_ms";
  const tasks = records.map((json) => ({
    ...{ user: json.user_id, name: `${json.user_id}:${json.task_id}` },
    ...{ member: isQuoted ? `${quoted(json.user_id)}:${quoted(json.task_id)}` : `${json.user_id}:${json.task_id}` },
    ...{
      speaker: String(json.speaker ?? ""),
      task: json.task_id,
      texts: [json.user_id, json.task_id, json.text, json.error].map((text) => String(text ?? "").toLowerCase()),
      created: epochOf(json.created_at as string, isQuoted),
      status: SHOWN[json.status as string] ?? "",
      time: epochOf(json.updated_at as string, isQuoted),
    },
  }));
  const passing = tasks.filter(
    ({ user, status, time, speaker, texts }) =>
      (filter.users.size === 0 || filter.users.has(user)) &&
      (filter.statuses.size === 0 || filter.statuses.has(status)) &&
      (filter.fields.get("speaker")?.has(speaker) ?? true) &&
      texts.some((text) => text.includes(filter.search ?? "")) &&
      (filter.since === null || filter.since <= time) &&
      (filter.until === null || time < filter.until),
  );
  const bytewise = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
  passing.sort((a, b) => {
    const first = {
      ...{ updated: b.time - a.time, created: b.created - a.created },
      ...{
        user: bytewise(a.user, b.user) || b.time - a.time,
        task: bytewise(a.task, b.task) || bytewise(a.user, b.user),
      },
    }[sort];
    return first || bytewise(b.member, a.member);
  });
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
