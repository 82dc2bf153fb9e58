import { TtsctlError } from "../errors.ts";
import type { TaskId } from "../store/task-source.ts";
import { counted } from "../task/amounts.ts";

/** The most that a run may delete: a number of tasks, a part of all, or (null) as many as there are. */
export type MaxDelete = { readonly count: number } | { readonly percent: number } | null;

/** What is braked: what would be done to tasks, and the flag that says how many at most. */
interface Braked {
  /** One of what, where not a task. */
  readonly what?: string;
  readonly done: string;
  readonly flag: string;
}

const DELETING: Braked = { done: "deleted", flag: "--max-delete" };

/**
 * Refuses a run that would delete more than it may, before its first deletion.
 * @param of how many tasks a percentage is of
 * @throws TtsctlError MAX_DELETE_EXCEEDED
 */
export function checkBrake(
  count: number,
  of: number,
  max: MaxDelete,
  { what = "task", done, flag }: Braked = DELETING,
): void {
  if (max === null) return;
  const most = "count" in max ? max.count : (of * max.percent) / 100;
  if (count <= most) return;
  const limit = "count" in max ? `${max.count}` : `${max.percent}% of ${of}`;
  throw new TtsctlError(
    "MAX_DELETE_EXCEEDED",
    `${counted(count, what)} would be ${done}, more than the limit of ${limit}; none was`,
    {
      hint: `look at the plan with --dry-run; if it is right, raise ${flag} (a number, or a percentage such as 80%)`,
    },
  );
}

/** How many tasks of a plan are named in a question. */
const FIRST = 5;

/** What a plan comes to, for the question before it is carried out: how many tasks, of which status, and the first of them. */
export class PlanSummary {
  readonly byStatus = new Map<string, number>();
  readonly first: (TaskId & { readonly status: string })[] = [];
  count = 0;

  /** @param status shown word */
  add({ userId, taskId }: TaskId, status: string): void {
    this.count++;
    this.byStatus.set(status, (this.byStatus.get(status) ?? 0) + 1);
    if (this.first.length < FIRST) this.first.push({ userId, taskId, status });
  }
}
