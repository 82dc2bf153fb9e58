import { TtsctlError } from "../errors.ts";
import { counted } from "../task/amounts.ts";
import type { TaskId } from "../task/ids.ts";

/** The most that a run may delete: a number of tasks, or a percentage of all; null: no limit. `name`: unless it is a flag. */
export type MaxDelete =
  | (({ readonly count: number } | { readonly percent: number }) & { readonly name?: string })
  | null;

/** Unless a caller gives a limit, or null for none. */
export const HALF = { percent: 50 };

/** Refuses a run that would change too many tasks. @param of the number of which a percentage is @throws TtsctlError MAX_DELETE_EXCEEDED */
export function checkBrake(
  count: number,
  of: number,
  max: MaxDelete = HALF,
  { what = "task", verb = "delete", flag = "--max-delete" } = {},
): void {
  if (max === null) return;
  const isCount = "count" in max;
  if (count <= (isCount ? max.count : (of * max.percent) / 100)) return;
  const limit = isCount ? `${max.count}` : `${max.percent}% of ${of}`;
  const why = `refusing to ${verb} ${counted(count, what)}: ${max.name ?? flag} is ${limit}; nothing was changed`;
  const hint = `check the plan with --dry-run and ${flag} 100%; if it is right, raise ${flag}`;
  throw new TtsctlError("MAX_DELETE_EXCEEDED", why, { hint });
}

const FIRST = 5;

/** The summary of a plan for a question: how many tasks, of which status, and the first of them. */
export class PlanSummary {
  /** By status. */
  readonly counts: Record<string, number> = {};
  readonly first: (TaskId & { readonly status: string })[] = [];
  count = 0;
  /** Chosen tasks that stay as they are. */
  refused = 0;

  add({ userId, taskId }: TaskId, status: string): void {
    this.count++;
    this.counts[status] = (this.counts[status] ?? 0) + 1;
    if (this.first.length < FIRST) this.first.push({ userId, taskId, status });
  }
}
