import { setFields } from "../../json/record.ts";
import type { TaskId } from "../../task/ids.ts";
import type { UserScoreField } from "../../task/rules.ts";
import { createdScore, isInvalid, type RecordParser, type RecordTexts, type Task } from "../../task/task.ts";
import { sameInstant, type Version } from "../../task/version.ts";
import { INDEX_KEY, LOOKUP_PREFIX, TASK_PREFIX, USER_PREFIX, USER_SUFFIX } from "./keys.ts";

/** A key names a task, the index of a user, or the lookup of a task id. */
type KeyName = { readonly task: TaskId } | { readonly userId: string } | { readonly lookup: string };

/** The fields of a hash that have its state; null for a field that is missing. */
export type StateFields = readonly [status: string | null, updatedAt: string | null, payload: string | null];

/** How a service lays its tasks out in Redis: the names of keys and members, and what a hash has. */
export abstract class Layout {
  /** The fields of a hash as a sync writes them, in this order; the last is the payload. */
  abstract readonly fields: readonly string[];
  /** The fields that reading a task needs. */
  abstract readonly readFields: readonly string[];
  /** Whether keys name the user of a task id, which is unique across users. */
  abstract readonly hasLookups: boolean;
  /** Whether a payload that is a record decides what a copy is. If not, `parts` are the ids, with which `fields` begins. */
  abstract readonly payloadRules: boolean;
  /** The time that scores a task in its user's index; the global index always has `updated_at`. */
  abstract readonly userScoredBy: UserScoreField;

  /** The values of `fields`. */
  abstract valuesOf(task: Task): string[];
  /** The task of a hash; undefined without a hash, or one with a state. @param values of `readFields` */
  abstract read(values: readonly (string | null)[], id: TaskId, parser: RecordParser): Task | undefined;
  /** The version that reading a copy gives, with the service's word. */
  abstract stateOf(fields: StateFields, parser: RecordParser): Version;

  /** An id as keys have it, members, and the value of a lookup. */
  abstract quote(id: string): string;
  /** The reverse; null for a text that `quote` never returns. */
  abstract unquote(text: string): string | null;

  /** The user's part and the task's of keys and members. The name of no task is the second part. */
  parts({ userId, taskId }: TaskId): [string, string] {
    return userId === "" ? ["", taskId] : [this.quote(userId), this.quote(taskId)];
  }

  taskKey(userId: string, taskId: string): string {
    return TASK_PREFIX + this.member(userId, taskId);
  }

  /** The index of a user, or (undefined) of all. */
  indexKey(userId: string | undefined): string {
    return userId === undefined ? INDEX_KEY : USER_PREFIX + this.quote(userId) + USER_SUFFIX;
  }

  lookupKey(taskId: string): string {
    return LOOKUP_PREFIX + this.quote(taskId);
  }

  member(userId: string, taskId: string): string {
    const [user, task] = this.parts({ userId, taskId });
    return user === "" ? task : `${user}:${task}`;
  }

  /** The task of a member of the global index; if it names none, a task without a user, whose `member` it is. */
  splitMember(member: string): TaskId {
    const colon = member.indexOf(":");
    const userId = colon > 0 ? this.unquote(member.slice(0, colon)) : null;
    const taskId = this.unquote(member.slice(colon + 1));
    return userId === null || taskId === null ? { userId: "", taskId: member } : { userId, taskId };
  }

  /** The meaning of a key; null if it isn't one of the mirror's. */
  readKey(key: string): KeyName | null {
    if (key.startsWith(TASK_PREFIX)) {
      const task = this.splitMember(key.slice(TASK_PREFIX.length));
      return task.userId === "" || task.taskId === "" ? null : { task };
    }
    if (this.hasLookups && key.startsWith(LOOKUP_PREFIX)) {
      const taskId = this.unquote(key.slice(LOOKUP_PREFIX.length));
      return taskId === null ? null : { lookup: taskId };
    }
    if (!key.startsWith(USER_PREFIX) || !key.endsWith(USER_SUFFIX)) return null;
    const userId = this.unquote(key.slice(USER_PREFIX.length, -USER_SUFFIX.length));
    return userId === null || userId === "" || (userId.includes(":") && !this.payloadRules) ? null : { userId };
  }
}

/** Reads copies: a mirror, or its parts. */
export interface CopyReading {
  readonly layout: Layout;
  readonly parser: RecordParser;
}

/** The fields that a layout's state depends on. */
export function stateNames({ payloadRules }: Layout): string[] {
  return ["status", "updated_at", ...(payloadRules ? ["payload"] : [])];
}

/** The times of a task, or of a hash. */
export type TaskTimes = Pick<Task, "score" | "createdAt">;

/** The score in its user's index. */
export function userScoreOf({ layout, parser }: CopyReading, times: TaskTimes): number {
  return layout.userScoredBy === "created_at" ? createdScore(times, parser.times) : times.score;
}

export function idFields(userId: string, taskId: string): Map<string, string> {
  return new Map([
    ["user_id", JSON.stringify(userId)],
    ["task_id", JSON.stringify(taskId)],
  ]);
}

/** A record as a task of these ids: a key determines the owner, whatever the record has. Undefined if it can't be one. */
export function underIds({ userId, taskId }: TaskId, json: string, parser: RecordParser): Task | undefined {
  const own = parser.validOrNull(json);
  if (own !== null) return { ...own, userId, taskId };
  if (!parser.isObject(json)) return undefined;
  const named = parser.parse(setFields(json.trim(), idFields(userId, taskId)));
  return isInvalid(named) ? undefined : { ...named, userId, taskId };
}

/** The fields of a hash that reading needs, in the order in which they are asked for. */
const HASH_FIELDS = ["payload", "status", "error", "created_at", "updated_at"] as const;

/** The layout of docs/contract.md, Redis: ids as they are. A user id has no colon. */
class PlainLayout extends Layout {
  readonly fields = ["user_id", "task_id", "status", "error", "created_at", "updated_at", "payload"];
  readonly readFields = HASH_FIELDS;
  readonly hasLookups = false;
  readonly payloadRules = false;
  readonly userScoredBy = "updated_at";

  quote(id: string): string {
    return id;
  }

  unquote(text: string): string {
    return text;
  }

  valuesOf({ userId, taskId, status, error, createdAt, updatedAt, json }: Task): string[] {
    return [userId, taskId, status, error, createdAt, updatedAt, json];
  }

  /** A name without a colon belongs to no task, and has no hash. */
  override taskKey(userId: string, taskId: string): string {
    return `${TASK_PREFIX}${userId}:${taskId}`;
  }

  /** The payload, overridden by fields that another writer may have changed without it, if their meaning differs. */
  read(values: readonly (string | null)[], { userId, taskId }: TaskId, parser: RecordParser): Task | undefined {
    const [payload = null, status = null, error = null, created = null, updated = null] = values;
    if (payload === null && status === null) return undefined;
    const overlay = { status, error, created, updated };
    const own = payload === null ? null : parser.validOrNull(payload);
    if (own !== null && changedFields(own, overlay, parser).size === 0) return { ...own, userId, taskId }; // nearly all
    const json =
      payload !== null && parser.isObject(payload) ? payload.trim() : setFields("{}", idFields(userId, taskId));
    const changes = changedFields(parser.textsOrNull(json)!, overlay, parser);
    return underIds({ userId, taskId }, setFields(json, changes), parser);
  }

  stateOf([status, updatedAt, payload]: StateFields, parser: RecordParser): Version {
    const isOwn = updatedAt || payload === null || !parser.isObject(payload);
    const text = isOwn ? (updatedAt ?? "") : parser.textsOrNull(payload)!.updatedAt;
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
  return a === b || sameInstant(parser.times.ofHash(a ?? ""), parser.times.ofHash(b));
}
