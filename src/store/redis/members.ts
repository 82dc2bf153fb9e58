import type { TaskId } from "../task-source.ts";
import type { Reply } from "./commands.ts";
import type { Layout } from "./layout.ts";

/** A member of an index. */
export interface Member extends TaskId {
  /** Epoch seconds. */
  readonly score: number;
}

/** A stretch of an index: `since <= score < until`, epoch seconds. */
export interface ScoreRange {
  readonly since: number | null;
  readonly until: number | null;
}

/** Members with their scores, from a flat reply of the index of a user, or (undefined) of all. */
export function membersOf(reply: Reply | readonly string[], userId: string | undefined, layout: Layout): Member[] {
  const flat = reply as readonly string[];
  const members: Member[] = [];
  for (let i = 0; i < flat.length; i += 2) {
    const id = userId === undefined ? layout.splitMember(flat[i]!) : { userId, taskId: layout.taskIdOf(flat[i]!) };
    members.push({ userId: id.userId, taskId: id.taskId, score: Number(flat[i + 1]) });
  }
  return members;
}

/** Whether the bytes of a member, or of an id in it, may be others than these, since what is no UTF-8 is read so. */
export function isUnsure(member: string): boolean {
  return member.includes("\ufffd");
}
