import { setFields } from "../../json/record.ts";
import type { RecordParser } from "../../task/parse.ts";
import { isInvalid, type RecordTexts, type Task } from "../../task/task.ts";
import { toMicros } from "../../task/time.ts";
import type { TaskId } from "../task-source.ts";
import { TASK_PREFIX } from "./keys.ts";
import { type CopyState, idFields, Layout, type StateFields } from "./layout.ts";

/** The fields of a hash that reading needs, in the order in which they are asked for. */
export const HASH_FIELDS = ["payload", "status", "error", "created_at", "updated_at"] as const;

/** The layout of SPEC section 3: ids as they are. A user id has no colon. */
class PlainLayout extends Layout {
  readonly fields = ["user_id", "task_id", "status", "error", "created_at", "updated_at", "payload"];
  readonly readFields = HASH_FIELDS;
  readonly payloadRules = false;
  readonly partsAreIds = true;
  readonly userScoredBy = "updated_at";

  protected quote(id: string): string {
    return id;
  }

  protected unquote(text: string): string {
    return text;
  }

  valuesOf({ userId, taskId, status, error, createdAt, updatedAt, json }: Task): string[] {
    return [userId, taskId, status, error, createdAt, updatedAt, json];
  }

  /** A name without a colon is no task's, and has no hash. */
  override taskKey(userId: string, taskId: string): string {
    return `${TASK_PREFIX}${userId}:${taskId}`;
  }

  /** The payload, and over it the fields that another writer may have changed alone, if their meaning differs (SPEC section 3). */
  read(values: readonly (string | null)[], { userId, taskId }: TaskId, parser: RecordParser): Task | undefined {
    if (values.every((value) => value === null)) return undefined;
    const [payload = null, status = null, error = null, created = null, updated = null] = values;
    if (payload !== null && status !== null && error !== null && created !== null && updated !== null) {
      const whole = parser.confirm(payload, { userId, taskId, status, error, createdAt: created, updatedAt: updated });
      if (whole !== null) return whole; // nearly all: nothing was changed in the hash alone
    }
    const overlay = { status, error, created, updated };
    const own = payload === null ? null : parser.validOrNull(payload);
    if (own !== null && changedFields(own, overlay, parser).size === 0) return { ...own, userId, taskId };
    const json =
      payload !== null && parser.isObject(payload) ? payload.trim() : setFields("{}", idFields(userId, taskId));
    const changes = changedFields(parser.texts(json), overlay, parser);
    const task = parser.parse(setFields(json, changes));
    if (!isInvalid(task)) return { ...task, userId, taskId };
    // The key says whose it is, whatever the payload says or lacks.
    const named = parser.parse(setFields(json, new Map([...idFields(userId, taskId), ...changes])));
    return isInvalid(named) ? undefined : named;
  }

  stateOf([status, updatedAt, payload]: StateFields, parser: RecordParser): CopyState {
    const isOwn = updatedAt || payload === null || !parser.isObject(payload);
    const text = isOwn ? (updatedAt ?? "") : parser.texts(payload).updatedAt;
    return { status: status ?? "", time: parser.times.ofHash(text) };
  }
}

export const PLAIN: Layout = new PlainLayout();

type Overlay = Record<"status" | "error" | "created" | "updated", string | null>;

function changedFields(own: RecordTexts, hash: Overlay, parser: RecordParser): Map<string, string> {
  const changes = new Map<string, string>();
  const overlay = (field: string, value: string | null, same: boolean) => {
    if (value !== null && !same) changes.set(field, value === "" ? "null" : JSON.stringify(value));
  };
  overlay("status", hash.status, hash.status === own.status);
  overlay("error", hash.error, hash.error === own.error);
  overlay("created_at", hash.created, sameTime(hash.created, own.createdAt, parser));
  overlay("updated_at", hash.updated, sameTime(hash.updated, own.updatedAt, parser));
  return changes;
}

/** Whether two texts are the same instant, or the same text. */
export function sameTime(a: string | null, b: string, parser: RecordParser): boolean {
  return a === b || toMicros(parser.times.ofHash(a ?? "")) === toMicros(parser.times.ofHash(b));
}
