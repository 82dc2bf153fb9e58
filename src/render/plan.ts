import type { PlanSummary } from "../operations/brake.ts";
import { printable } from "../printable.ts";
import { memberOf } from "../task/ids.ts";

/** The first tasks of a plan and its counts by status, for the question before it is carried out. */
export function planLines({ count, byStatus, first }: PlanSummary): string {
  const names = first.map(({ userId, taskId, status }) => `  ${printable(memberOf(userId, taskId))} (${status})`);
  const more = count > first.length ? [`  and ${count - first.length} more`] : [];
  const counts = [...byStatus].map(([status, tasks]) => `${tasks} ${status}`).join(", ");
  return `${[...names, ...more, `in all ${count}: ${counts}`].join("\n")}\n`;
}
