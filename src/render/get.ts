import { jsonOf } from "../json/value.ts";
import type { GetResult } from "../operations/get.ts";
import type { Task } from "../task/task.ts";
import { itemFields, itemJson, statusText } from "./item.ts";

/** `get -o json` (SPEC section 5). */
export function getJson({ source, task, file, redis, invalid, artifacts }: GetResult): string {
  const item = task === null ? "null" : itemJson(task);
  const copy = (of: Task | null) => of?.json ?? "null";
  const parts = [
    `"source":${JSON.stringify(source)}`,
    `"item":${item}`,
    `"file":${file === null ? (invalid?.json ?? "null") : copy(file)}`,
    `"redis":${copy(redis)}`,
  ];
  return `{${parts.join(",")},"artifacts":${JSON.stringify(artifacts)}}`;
}

/** Rows for people: a field a row; two columns of values where the copies differ. */
export function getRows({ task, file, redis }: GetResult): string[][] {
  if (task === null) return [];
  const differ = file !== null && redis !== null && file.json !== redis.json;
  if (!differ) return [...itemFields(task)].map(([name, value]) => [name, text(jsonOf(value))]);
  const [fields, others] = [itemFields(file), itemFields(redis)];
  const rows = [...new Set([...fields.keys(), ...others.keys()])].map((name) => {
    const values = [fields.get(name), others.get(name)].map((value) =>
      value === undefined ? "-" : text(jsonOf(value)),
    );
    return [values[0] === values[1] ? "" : "*", name, ...values];
  });
  return [["", "", "FILE", "REDIS"], ...rows];
}

function text(json: string): string {
  return json.startsWith('"') ? (JSON.parse(json) as string) : json;
}

/** Who has the task, in a line. */
export function getTitle({ file, redis, task }: GetResult): string {
  const where = file !== null && redis !== null ? "in both stores" : file !== null ? "in the file" : "in Redis";
  return task === null ? "" : `${task.userId}:${task.taskId} is ${statusText(task)}, ${where}`;
}
