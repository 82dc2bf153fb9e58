import { replaceStrings } from "../json/record.ts";
import { type JsonValue, parseJsonValue } from "../json/value.ts";
import { shownStatus } from "../task/status.ts";
import type { Task } from "../task/task.ts";

/** The whole record as compact JSON, the status as shown, the ids as they count (SPEC section 5). */
export function itemJson(task: Task): string {
  const changes = new Map([
    ["user_id", JSON.stringify(task.userId)],
    ["task_id", JSON.stringify(task.taskId)],
  ]);
  const shown = shownStatus(task.status);
  if (shown !== undefined) changes.set("status", JSON.stringify(shown));
  return replaceStrings(task.json, changes);
}

/** The same as a value, numbers with their text. */
export function itemFields(task: Task): Map<string, JsonValue> {
  return parseJsonValue(itemJson(task)) as Map<string, JsonValue>;
}

/** A status as people see it: the shown word, else the service's own. */
export function statusText(task: Task): string {
  return shownStatus(task.status) ?? task.status;
}
