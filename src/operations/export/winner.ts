import type { Task } from "../../task/task.ts";
import { toMicros } from "../../task/time.ts";

/** Of the two stores' copies of one task the newer; of the same time the file's, which is the truth. */
export function newerOf(file: Task | undefined, redis: Task | undefined): Task | undefined {
  if (file === undefined || redis === undefined) return file ?? redis;
  return toMicros(redis.score) > toMicros(file.score) ? redis : file;
}
