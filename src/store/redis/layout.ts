import type { RecordParser } from "../../task/parse.ts";
import type { Task } from "../../task/task.ts";
import type { TaskId } from "../task-source.ts";
import { INDEX_KEY } from "./keys.ts";

/** What a key of the mirror names: a task, as its member of the global index, or the index of a user. */
export type KeyName = { readonly member: string } | { readonly userId: string };

/** How a service lays its tasks out in Redis (SPEC sections 3 and 10): the names of keys and members, and what a hash holds. */
export interface Layout {
  taskKey(userId: string, taskId: string): string;
  userIndexKey(userId: string): string;
  /** What stands before a member of the index of a user, or (undefined) of all, in the key of its task. */
  keyBefore(userId: string | undefined): string;
  /** Its member of the global index. */
  member(userId: string, taskId: string): string;
  /** Its member of its user's index. */
  userMember(taskId: string): string;
  /** The task of a member of the global index; what is no such member is a task of nobody, and `member` gives it back. */
  splitMember(member: string): TaskId;
  /** The task id of a member of a user's index. */
  taskIdOf(userMember: string): string;
  /** Of a key: the member whose hash it names, the user whose index, or null where it is neither. */
  readKey(key: string): KeyName | null;
  /** The fields of a hash as a sync writes it, in that order. */
  readonly fields: readonly string[];
  /** What it writes into them. */
  valuesOf(task: Task): string[];
  /** The fields that reading a task needs. */
  readonly readFields: readonly string[];
  /**
   * The task that a hash holds. Undefined where there is no hash, or none with a time.
   * @param values of `readFields`, null for a field that is missing
   */
  read(values: readonly (string | null)[], id: TaskId, parser: RecordParser): Task | undefined;
}

/** The index of a user, or (undefined) of all. */
export function indexKey(layout: Layout, userId: string | undefined): string {
  return userId === undefined ? INDEX_KEY : layout.userIndexKey(userId);
}
