import { TtsctlError } from "../../errors.ts";
import { fieldsOf, setFields } from "../../json/record.ts";
import type { TaskId } from "../../task/ids.ts";
import type { RecordParser, Task } from "../../task/task.ts";
import { newer } from "../../task/version.ts";
import { isWhole, type RedisCopy } from "../layout/copy.ts";
import { type CopyReading, idFields } from "../layout/layout.ts";
import type { Outcome } from "./copies.ts";
import type { Mirror } from "./mirror.ts";

/**
 * The record of a copy, with its ids, for the store file. Null if that would be a guess.
 * @param ours the file's record: its other fields are kept if the copy's payload isn't a record, is another task's, or is older than ours
 */
export function recordOf(copy: RedisCopy, id: TaskId, { layout, parser }: CopyReading, ours: Task | null = null) {
  const { fields } = copy;
  const record = fields.payload == null ? null : parser.validOrNull(fields.payload);
  const isOwn = isTask(record, id);
  if (!isWhole(copy, parser) && !isOwn) return null;
  const isOthers = ours !== null && record !== null && !isOwn;
  const whole = isOthers ? null : record;
  const isStale = ours !== null && whole !== null && newer(ours.score, whole.score) && !layout.payloadRules;
  const payload = isStale ? ours.json : isOthers ? null : fields.payload;
  const values = layout.readFields.map((name) => (name === "payload" ? payload : fields[name]) ?? null);
  const task = layout.read(values, id, parser);
  const named = task === undefined ? null : underOwnName(task, parser);
  if (named === null || ours === null || whole !== null) return named;
  const changed = new Map(fieldsOf(named.json).map(({ name, value }) => [name, value]));
  return { ...named, json: setFields(ours.json, changed) };
}

/** Copies as records to keep elsewhere. @param ours the file's records, whose other fields complete a newer copy */
export async function readRecords(
  mirror: Mirror,
  ids: readonly TaskId[],
  ours: readonly (Task | null | undefined)[] = [],
): Promise<Outcome<Task | undefined>[]> {
  const copies = await mirror.read(ids);
  const ahead = [...ids.keys()].filter((i) => {
    const [copy, own] = [copies[i], ours[i]];
    return own != null && copy !== undefined && !(copy instanceof TtsctlError) && newer(copy.score, own.score);
  });
  const whole = await mirror.fullCopies(ahead.map((i) => ids[i]!));
  for (const [at, i] of ahead.entries()) copies[i] = recordOf(whole[at]!, ids[i]!, mirror, ours[i]) ?? undefined;
  return copies.map((copy) => {
    if (copy === undefined || copy instanceof TtsctlError) return copy;
    const named = underOwnName(copy, mirror.parser);
    return named ?? new TtsctlError("REDIS_FAILED", "a record with its ids would be read as another task's");
  });
}

function underOwnName(task: Task, parser: RecordParser): Task | null {
  if (isTask(parser.validOrNull(task.json), task)) return task;
  const json = setFields(task.json, idFields(task.userId, task.taskId));
  return isTask(parser.validOrNull(json), task) ? { ...task, json } : null;
}

function isTask(task: Task | null, { userId, taskId }: TaskId): boolean {
  return task?.userId === userId && task.taskId === taskId;
}
