import type { QueryBody } from "../../src/operations/list-query.ts";
import { splitIds, trimId } from "../../src/task/ids.ts";
import type { ShownStatus } from "../../src/task/status.ts";

/** Which tasks the list is to show. */
export interface Filter {
  /** Empty for all users. */
  readonly userId: string;
  /** Empty for all tasks; they count only together with the user. */
  readonly taskIds: readonly string[];
  /** Empty for any. */
  readonly statuses: readonly ShownStatus[];
}

export const NO_FILTER: Filter = { userId: "", taskIds: [], statuses: [] };

/** What stands in the form, typed or half typed. */
export interface Draft {
  readonly userId: string;
  /** Task ids, separated by commas or spaces. */
  readonly taskIds: string;
  readonly statuses: readonly ShownStatus[];
}

/** The filter that a form stands for; undefined where it has task ids without their user. */
export function filterOf(draft: Draft): Filter | undefined {
  const userId = trimId(draft.userId);
  const taskIds = splitIds(draft.taskIds);
  return taskIds.length > 0 && userId === "" ? undefined : { userId, taskIds, statuses: draft.statuses };
}

export function draftOf({ userId, taskIds, statuses }: Filter): Draft {
  return { userId, taskIds: taskIds.join(" "), statuses };
}

export function isFiltered({ userId, taskIds, statuses }: Filter): boolean {
  return userId !== "" || taskIds.length > 0 || statuses.length > 0;
}

/** The body that asks for a page of it (docs/json.md). By ids the answer is one page, whatever page is asked for. */
export function bodyOf({ userId, taskIds, statuses }: Filter, page: number, pageSize: number): QueryBody {
  return {
    page,
    page_size: pageSize,
    ...(userId === "" ? {} : { user_id: userId }),
    ...(taskIds.length === 0 ? {} : { task_ids: taskIds }),
    ...(statuses.length === 0 ? {} : { status: statuses }),
  };
}
