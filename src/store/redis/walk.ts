import type { Layout } from "../layout/layout.ts";
import type { TaskId } from "../task-source.ts";

/** Where a walk by cursors begins, and the cursor of its last step. */
export const START = "0";
/** How many keys or members one step of a walk asks for. */
export const STEP = 1000;

/** A step of a walk over all keys: keys that exist throughout come at least once. */
export interface KeyStep {
  readonly cursor: string;
  /** Members of the global index that the keys of hashes stand for. */
  readonly members: string[];
  /** The users whose indexes exist. */
  readonly users: string[];
  /** The task ids whose lookups exist. */
  readonly lookups: string[];
}

/** A step of a walk over an index: member and score in turn. */
export interface IndexStep {
  readonly cursor: string;
  readonly flat: readonly string[];
}

/** The same with copies. */
export interface CopyStep extends IndexStep {
  /** The `updated_at` of each member's hash if the copy is complete, else empty; null if copies weren't read. */
  readonly times: readonly string[] | null;
}

/** A member of an index. */
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

/** A step of a walk in the order of the scores. */
export interface OrderStep {
  readonly cursor: string;
  readonly members: readonly Member[];
}

/** A mirror's methods. */
interface Steps {
  stepKeys(cursor: string): Promise<KeyStep>;
  stepIndex(userId: string | undefined, cursor: string): Promise<IndexStep>;
  stepCopies(userId: string | undefined, cursor: string): Promise<CopyStep>;
  stepInOrder(range: IndexRange, order: "newest" | "lowest", cursor: string): Promise<OrderStep>;
}

/** Walks over all keys of the mirror, step by step. */
export function walkKeys(mirror: Steps): AsyncGenerator<KeyStep> {
  return walk((cursor) => mirror.stepKeys(cursor));
}

/**
 * Walks over the index of a user, or (undefined) of all: member and score in turn, in no order. Members that are in it
 * throughout come at least once, also if their scores change.
 * @throws TtsctlError REDIS_*
 */
export async function* walkIndex(mirror: Steps, userId: string | undefined): AsyncGenerator<readonly string[]> {
  for await (const { flat } of walk((cursor) => mirror.stepIndex(userId, cursor))) yield flat;
}

/** The same, lowest score first, with the copies if scripts may read them. A member that moves down may not come. */
export function walkCopies(mirror: Steps, userId: string | undefined): AsyncGenerator<CopyStep> {
  return walk((cursor) => mirror.stepCopies(userId, cursor));
}

/**
 * Walks over a range of an index in the order of the scores, newest or lowest first. Members whose scores don't change come
 * at least once.
 * @throws TtsctlError REDIS_*
 */
export async function* walkInOrder(
  mirror: Steps,
  range: IndexRange,
  order: "newest" | "lowest" = "newest",
): AsyncGenerator<readonly Member[]> {
  for await (const { members } of walk((cursor) => mirror.stepInOrder(range, order, cursor))) yield members;
}

/** The next step is under way while the caller works on one. */
async function* walk<Step extends { cursor: string }>(stepAt: (cursor: string) => Promise<Step>): AsyncGenerator<Step> {
  for (let next: Promise<Step> | null = stepAt(START); next !== null; ) {
    const step: Step = await next;
    next = step.cursor === START ? null : stepAt(step.cursor);
    next?.catch(() => {}); // the caller may have stopped by then
    yield step;
  }
}

/** Members with their scores, from a flat reply of the index of a user, or (undefined) of all. */
export function membersOf(flat: readonly string[], userId: string | undefined, layout: Layout): Member[] {
  const members: Member[] = [];
  for (let i = 0; i < flat.length; i += 2) {
    const id = userId === undefined ? layout.splitMember(flat[i]!) : { userId, taskId: layout.taskIdOf(flat[i]!) };
    members.push({ userId: id.userId, taskId: id.taskId, score: Number(flat[i + 1]) });
  }
  return members;
}

/** Whether the bytes of a member, or of an id in it, may be others: bytes that aren't UTF-8 are read as this character. */
export function isUnsure(member: string): boolean {
  return member.includes("\ufffd");
}
