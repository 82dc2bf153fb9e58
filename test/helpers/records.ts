import type { TaskRecord } from "../../src/library/types.ts";
import type { RecordRules } from "../../src/task/rules.ts";
import { isInvalid, RecordParser, type Task } from "../../src/task/task.ts";
import { formatUtc } from "../../src/task/time.ts";
import type { RecordJson } from "./root.ts";
import { API_MS_RULES, RULES, UTC } from "./rules.ts";

export { API_MS_RULES, RULES, UTC };

export interface Ids {
  readonly user_id: string;
  readonly task_id: string;
}

/** A record of the service; by default finished in 2020. */
export function record(userId: string, taskId: string, more: RecordJson = {}): RecordJson & TaskRecord {
  return {
    ...{ task_id: taskId, user_id: userId, status: "succeeded", error: null, progress: 100 },
    ...{ created_at: "2020-01-01T08:00:00.000001", updated_at: "2020-01-01T08:00:05.250001", text: "你好，世界" },
    ...more,
  };
}

/** An ISO time in UTC, so many seconds ago, or a part of one more: never less. */
export function ago(seconds: number): string {
  return formatUtc(Math.floor(Date.now() / 1000) - seconds);
}

/** A valid record as the code under test knows it. */
export function taskOf(json: RecordJson): Task {
  return taskIn(RULES, json);
}

/** The same by other rules. */
export function taskIn(rules: RecordRules, json: RecordJson): Task {
  const task = new RecordParser(rules).parse(JSON.stringify(json));
  if (isInvalid(task)) throw new Error(task.reason);
  return task;
}
