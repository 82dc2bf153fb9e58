import type { UserScoreField } from "../../task/layouts.ts";
import type { RecordParser } from "../../task/parse.ts";
import { createdScore, type Task } from "../../task/task.ts";
import type { TaskId } from "../task-source.ts";
import { INDEX_KEY, LOOKUP_PREFIX, TASK_PREFIX, USER_PREFIX, USER_SUFFIX } from "./keys.ts";

/** What a key of the mirror names: a task, as its member of the global index, the index of a user, or the lookup of a task id. */
export type KeyName = { readonly member: string } | { readonly userId: string } | { readonly lookup: string };

/** The status and the time of a copy. */
export interface CopyState {
  /** The service's word. */
  readonly status: string;
  /** Epoch seconds; NaN without one. */
  readonly time: number;
}

/** The fields of a hash that have its state; null for a field that is missing. */
export type StateFields = readonly [status: string | null, updatedAt: string | null, payload: string | null];

/** How a service lays its tasks out in Redis (SPEC sections 3 and 10): the names of keys and members, and what a hash has. */
export abstract class Layout {
  /** The fields of a hash as a sync writes them, in this order. */
  abstract readonly fields: readonly string[];
  /** The fields that reading a task needs. */
  abstract readonly readFields: readonly string[];
  /** The keys that name the user of a task id; absent if the service has none. */
  readonly lookup?: Lookup;
  /** Whether the payload, if it is a record, decides what a copy is, and not its other fields. */
  abstract readonly payloadRules: boolean;
  /** Whether `parts` are the ids themselves; `fields` then begins with `user_id` and `task_id`. */
  abstract readonly partsAreIds: boolean;
  /** The time that scores a task in its user's index; the global index always has `updated_at`. */
  abstract readonly userScoredBy: UserScoreField;

  /** The values of `fields`. */
  abstract valuesOf(task: Task): string[];
  /**
   * The task of a hash; undefined without a hash, or one with a time.
   * @param values of `readFields`, null for a field that is missing
   */
  abstract read(values: readonly (string | null)[], id: TaskId, parser: RecordParser): Task | undefined;
  /** The state that reading a copy gives. */
  abstract stateOf(fields: StateFields, parser: RecordParser): CopyState;

  /** An id as keys and members have it. */
  protected abstract quote(id: string): string;
  /** The reverse; null for a text that `quote` never returns. */
  protected abstract unquote(text: string): string | null;

  /** The user's part and the task's of keys and members. The name of no task is the second part. */
  parts({ userId, taskId }: TaskId): [string, string] {
    return userId === "" ? ["", taskId] : [this.quote(userId), this.quote(taskId)];
  }

  taskKey(userId: string, taskId: string): string {
    return TASK_PREFIX + this.member(userId, taskId);
  }

  userIndexKey(userId: string): string {
    return USER_PREFIX + this.quote(userId) + USER_SUFFIX;
  }

  /** The member of the global index. */
  member(userId: string, taskId: string): string {
    const [user, task] = this.parts({ userId, taskId });
    return user === "" ? task : `${user}:${task}`;
  }

  /** The member of the user's index. */
  userMember(taskId: string): string {
    return this.quote(taskId);
  }

  /** The task of a member of the global index; if it names none, a task without a user, whose `member` it is. */
  splitMember(member: string): TaskId {
    const colon = member.indexOf(":");
    const userId = colon > 0 ? this.unquote(member.slice(0, colon)) : null;
    const taskId = this.unquote(member.slice(colon + 1));
    return userId === null || taskId === null ? { userId: "", taskId: member } : { userId, taskId };
  }

  /** The task id of a member of a user's index; as it is if it names none. */
  taskIdOf(userMember: string): string {
    return this.unquote(userMember) ?? userMember;
  }

  /** What a key names; null if it isn't one of the mirror's. */
  readKey(key: string): KeyName | null {
    if (key.startsWith(TASK_PREFIX)) {
      const member = key.slice(TASK_PREFIX.length);
      const { userId, taskId } = this.splitMember(member);
      return userId === "" || taskId === "" ? null : { member };
    }
    if (this.lookup !== undefined && key.startsWith(LOOKUP_PREFIX)) {
      const taskId = this.unquote(key.slice(LOOKUP_PREFIX.length));
      return taskId === null ? null : { lookup: taskId };
    }
    if (!key.startsWith(USER_PREFIX) || !key.endsWith(USER_SUFFIX)) return null;
    const userId = this.unquote(key.slice(USER_PREFIX.length, -USER_SUFFIX.length));
    return userId === null || userId === "" || (userId.includes(":") && this.partsAreIds) ? null : { userId };
  }
}

/** Reads copies: a mirror, or its parts. */
export interface CopyReading {
  readonly layout: Layout;
  readonly parser: RecordParser;
}

/** The keys that name the user of a task id, if an id is unique across users. */
export interface Lookup {
  key(taskId: string): string;
  /** The value for a user. */
  value(userId: string): string;
  /** The user of a value; null if it is that of no user. */
  userOf(value: string): string | null;
}

/** The fields that a layout's state depends on. */
export function stateNames({ payloadRules }: Layout): string[] {
  return ["status", "updated_at", ...(payloadRules ? ["payload"] : [])];
}

/** The score in its user's index of a task, or of a hash with these times. */
export function userScoreOf({ layout, parser }: CopyReading, task: Pick<Task, "score" | "createdAt">): number {
  return layout.userScoredBy === "created_at" ? createdScore(task, parser.times) : task.score;
}

/** The index of a user, or (undefined) of all. */
export function indexKey(layout: Layout, userId: string | undefined): string {
  return userId === undefined ? INDEX_KEY : layout.userIndexKey(userId);
}

/** The ids as fields of a record. */
export function idFields(userId: string, taskId: string): Map<string, string> {
  return new Map([
    ["user_id", JSON.stringify(userId)],
    ["task_id", JSON.stringify(taskId)],
  ]);
}
