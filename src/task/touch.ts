import { fieldJson, setFields } from "../json/record.ts";
import type { RecordParser } from "./parse.ts";
import { isInvalid, type Task } from "./task.ts";
import { toMicros } from "./time.ts";
import { timeLike } from "./time-like.ts";

/** Later by this, in seconds, a time is another one: by what it can tell apart, microseconds to whole seconds. */
const STEPS = [0.000001, 0.001, 1];

/**
 * The record with some fields set and an `updated_at` that is later than it was, now if possible, in its own form; undefined
 * if no later time can be written because the clock is put back.
 * @param changes JSON text by field
 * @param now epoch seconds
 */
export function touched(
  task: Task,
  changes: ReadonlyMap<string, string>,
  now: number,
  parser: RecordParser,
): Task | undefined {
  const { zone } = parser.rules;
  const like = fieldJson(task.json, "updated_at")!;
  for (const at of [now, ...STEPS.map((step) => task.score + step)]) {
    const next = parser.parse(setFields(task.json, new Map([...changes, ["updated_at", timeLike(like, at, zone)]])));
    if (!isInvalid(next) && toMicros(next.score) > toMicros(task.score)) {
      return { ...next, userId: task.userId, taskId: task.taskId };
    }
  }
  return undefined;
}
