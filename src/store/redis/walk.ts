import type { TaskId } from "../../task/ids.ts";
import type { Layout } from "../layout/layout.ts";

/** How many keys or members one step of a walk asks for. */
export const STEP = 1000;

/** A step of a walk over an index with the copies. */
export interface CopyStep {
  /** Member and score in turn. */
  readonly flat: readonly string[];
  /** The `updated_at` of each member's hash if the copy is complete, else empty; null if copies weren't read. */
  readonly times: readonly string[] | null;
}

export interface Member extends TaskId {
  /** Epoch seconds. */
  readonly score: number;
}

/** Members of the index of a user, or (undefined) of all, with `since <= score < until`, epoch seconds. */
export interface IndexRange {
  readonly userId: string | undefined;
  readonly since: number | null;
  readonly until: number | null;
}

/** What is read of each step; the next one is under way while the caller works on one. */
export async function* ahead<Step, Read>(
  steps: AsyncGenerator<Step>,
  read: (step: Step) => Read,
): AsyncGenerator<Read> {
  for (let next = steps.next(); ; ) {
    const { done, value } = await next;
    if (done) return;
    next = steps.next();
    next.catch(() => {}); // the caller may have stopped by then
    yield read(value);
  }
}

/** The task of a member of the index of a user, or (undefined) of all. */
export function idOfMember(member: string, userId: string | undefined, layout: Layout): TaskId {
  return userId === undefined ? layout.splitMember(member) : { userId, taskId: layout.unquote(member) ?? member };
}

/** Members with their scores, from a flat reply of the index of a user, or (undefined) of all. */
export function membersOf(flat: readonly string[], userId: string | undefined, layout: Layout): Member[] {
  const members: Member[] = [];
  for (let i = 0; i < flat.length; i += 2) {
    const id = idOfMember(flat[i]!, userId, layout);
    members.push({ userId: id.userId, taskId: id.taskId, score: Number(flat[i + 1]) });
  }
  return members;
}

/** Whether the bytes of a member, or of an id in it, may be others: bytes that aren't UTF-8 are read as this character. */
export function isUnsure(member: string): boolean {
  return member.includes("\ufffd");
}
