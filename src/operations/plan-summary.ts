import type { TaskId } from "../store/task-source.ts";

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
