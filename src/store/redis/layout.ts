import type { UserScoreField } from "../../task/layouts.ts";
import type { RecordParser } from "../../task/parse.ts";
import type { Task } from "../../task/task.ts";
import type { TimeReader } from "../../task/time.ts";
import type { TaskId } from "../task-source.ts";
import { INDEX_KEY } from "./keys.ts";

/** What a key of the mirror names: a task, as its member of the global index, the index of a user, or the lookup of a task id. */
export type KeyName = { readonly member: string } | { readonly userId: string } | { readonly lookup: string };

/** The status and the time that a copy stands for. */
export interface CopyState {
  /** The service's word. */
  readonly status: string;
  /** Epoch seconds; NaN where there is none. */
  readonly time: number;
}

/** What of a hash tells its state: `status`, `updated_at` and `payload`; null for a field that is missing. */
export type StateFields = readonly [status: string | null, updatedAt: string | null, payload: string | null];

/** Which of these fields a layout goes by. */
export function stateNames({ payloadRules }: Layout): string[] {
  return ["status", "updated_at", ...(payloadRules ? ["payload"] : [])];
}

/** How a service lays its tasks out in Redis (SPEC sections 3 and 10): the names of keys and members, and what a hash holds. */
export interface Layout {
  taskKey(userId: string, taskId: string): string;
  userIndexKey(userId: string): string;
  /** What stands before a member of the index of a user, or (undefined) of all, in the key of its task. */
  keyBefore(userId: string | undefined): string;
  /** Of what its keys and members are made: the user's part and the task's. What is no task's member is the second alone. */
  parts(id: TaskId): readonly [string, string];
  /** Whether those are the ids themselves; `fields` then begins with `user_id` and `task_id`. */
  readonly partsAreIds: boolean;
  /** Its member of the global index. */
  member(userId: string, taskId: string): string;
  /** Its member of its user's index. */
  userMember(taskId: string): string;
  /** The time that scores a task in its user's index; the global index always has `updated_at`. */
  readonly userScoredBy: UserScoreField;
  /** Its score in its user's index. */
  userScoreOf(task: Task): number;
  /** The task of a member of the global index; what is no such member is a task of nobody, and `member` gives it back. */
  splitMember(member: string): TaskId;
  /** The task id of a member of a user's index. */
  taskIdOf(userMember: string): string;
  /** Of a key: what it names, or null where it is none of the mirror's. */
  readKey(key: string): KeyName | null;
  /** The string that says whose a task id is; absent where the service keeps none. */
  readonly lookup?: Lookup;
  /** The fields of a hash as a sync writes it, in that order. */
  readonly fields: readonly string[];
  /** What it writes into them. */
  valuesOf(task: Task): string[];
  /** What it writes into `updated_at`. */
  timeTextOf(task: Task): string;
  /** The fields that reading a task needs. */
  readonly readFields: readonly string[];
  /**
   * The task that a hash holds. Undefined where there is no hash, or none with a time.
   * @param values of `readFields`, null for a field that is missing
   */
  read(values: readonly (string | null)[], id: TaskId, parser: RecordParser): Task | undefined;
  /** Whether a copy is what its payload says, where that is a record, and not what its other fields do. */
  readonly payloadRules: boolean;
  /** The state that reading a copy gives. */
  stateOf(fields: StateFields, parser: RecordParser): CopyState;
}

/** What reads copies: a mirror, or its parts. */
export interface CopyReading {
  readonly layout: Layout;
  readonly parser: RecordParser;
}

/** The keys that say whose a task id is, where an id is unique across users. */
export interface Lookup {
  key(taskId: string): string;
  /** What it holds where the task is that user's. */
  value(userId: string): string;
  /** The user of what it holds; null where that is no user's. */
  userOf(value: string): string | null;
}

/** The score in its user's index that fits a hash with these times; NaN without a time. */
export function userScoreOfHash(
  { userScoredBy }: Layout,
  updatedAt: string | null,
  createdAt: string | null,
  times: TimeReader,
): number {
  const created = userScoredBy === "created_at" ? times.ofHash(createdAt ?? "") : Number.NaN;
  return Number.isNaN(created) ? times.ofHash(updatedAt ?? "") : created;
}

/** The index of a user, or (undefined) of all. */
export function indexKey(layout: Layout, userId: string | undefined): string {
  return userId === undefined ? INDEX_KEY : layout.userIndexKey(userId);
}
