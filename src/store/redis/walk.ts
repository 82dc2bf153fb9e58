import { TtsctlError } from "../../errors.ts";
import type { Command, Reply } from "./commands.ts";
import { ALL_KEYS } from "./keys.ts";
import { indexKey, type Layout } from "./layout.ts";

/** Where a walk begins, and what its last step gives back. */
export const START = "0";

/** What a walk goes over; it has a mirror's methods of these names. */
interface Steps {
  stepKeys(cursor: string): Promise<KeyStep>;
  stepIndexes(cursors: readonly IndexCursor[]): Promise<(IndexStep | TtsctlError)[]>;
  lowest(until: number, from: string, skip: number, count: number): Promise<readonly string[]>;
  stepCopies(from: CopyCursor): Promise<CopyStep>;
  middleOf(userId: string | undefined): Promise<string | null>;
}

/** Walks over all keys of the mirror, step by step. */
export async function* walkKeys(mirror: Steps): AsyncGenerator<KeyStep> {
  let cursor = START;
  do {
    const step = await mirror.stepKeys(cursor);
    yield step;
    cursor = step.cursor;
  } while (cursor !== START);
}

/**
 * Walks over the index of a user, or (undefined) of all: member and score in turn, in no order. What is there throughout
 * comes at least once, also while a service changes scores: ranks would move under such a walk.
 * @throws TtsctlError REDIS_*
 */
export async function* walkIndex(mirror: Steps, userId: string | undefined): AsyncGenerator<readonly string[]> {
  const steps = walk(async (cursor) => {
    const [step] = await mirror.stepIndexes([{ userId, cursor }]);
    if (step instanceof TtsctlError) throw step;
    return step!;
  });
  for await (const { flat } of steps) yield flat;
}

/**
 * Walks over the members of the global index with a score up to a limit, lowest first: member and score in turn. What a
 * service moves upwards meanwhile no longer belongs there; of others with its very score some may then be passed over.
 * @throws TtsctlError REDIS_*
 */
export async function* walkUpTo(mirror: Steps, limit: number): AsyncGenerator<readonly string[]> {
  const steps = walk(async (cursor) => {
    const [from, skip] = cursor === START ? ["-inf", "0"] : (cursor.split(" ") as [string, string]);
    const flat = await mirror.lowest(limit, from, Number(skip), STEP);
    const last = flat.at(-1);
    if (last === undefined || flat.length < 2 * STEP) return { cursor: START, flat };
    const same = flat.filter((text, i) => i % 2 === 1 && isSameScore(text, last)).length;
    return { cursor: `${last} ${isSameScore(last, from) ? Number(skip) + same : same}`, flat };
  });
  for await (const { flat } of steps) yield flat;
}

/**
 * Walks over an index as `walkIndex` does, and where that can be done at once looks at the copy of each member. A large index is
 * walked from its start and from its middle at once, so that Redis always has a step to work on. A member that is moved from
 * the one half to a place in the other that was walked over, or downwards behind a walk, may be passed over.
 */
export async function* walkCopies(mirror: Steps, userId: string | undefined): AsyncGenerator<CopyStep> {
  const first = await mirror.stepCopies({ userId, cursor: START });
  yield first;
  if (first.cursor === START) return;
  const from = (start: string, until?: string) =>
    walk((cursor) => mirror.stepCopies({ userId, cursor: cursor === START ? start : cursor, ...(until && { until }) }));
  // A user who may run no script goes on by other cursors, which have no middle.
  const middle = first.times === null ? null : await mirror.middleOf(userId);
  if (middle === null) return yield* from(first.cursor);
  let end = middle;
  for await (const step of inTurns([from(first.cursor, middle), from(middle)])) {
    if (step.reached !== START && isBehind(step.reached, end)) end = step.reached;
    yield step;
  }
  yield* from(end); // what was moved upwards, past the second walk, before the first one came to it
}

async function* inTurns<Step>(walks: readonly AsyncGenerator<Step>[]): AsyncGenerator<Step> {
  for (const open = [...walks]; open.length > 0; ) {
    for (const walking of [...open]) {
      const { done, value } = await walking.next();
      if (done) open.splice(open.indexOf(walking), 1);
      else yield value;
    }
  }
}

/**
 * The cursor of a walk that looks at copies, behind a member with a score.
 * @param member its bytes, hexadecimal: they need not be UTF-8, and so they compare as in the index
 */
export function cursorBehind(member: string, score: string): string {
  return `${score} ${member}`;
}

/** Whether a cursor is one of these. */
export function isBehindMember(cursor: string): boolean {
  return cursor.includes(" ");
}

/** The member that such a cursor is behind, and its score; both empty at the start. */
export function placeOf(cursor: string): [member: string, score: string] {
  const [score = "", member = ""] = cursor === START ? [] : cursor.split(" ");
  return [member, score];
}

/** Whether such a cursor is as far as another, or farther, in the order of an index. */
export function isBehind(cursor: string, other: string): boolean {
  const [[member, score], [otherMember, otherScore]] = [placeOf(cursor), placeOf(other)];
  return isSameScore(score, otherScore) ? member >= otherMember : numberOf(score) >= numberOf(otherScore);
}

/** Whether Redis orders two scores by their members: 0 and -0 are one score in two texts. */
function isSameScore(score: string, other: string): boolean {
  return numberOf(score) === numberOf(other);
}

/** A score as Redis writes it. */
function numberOf(score: string): number {
  return Number(score.replace("inf", "Infinity"));
}

/** The next step is under way while whoever walks works on the one before; it may be given up, and then nobody hears of it. */
async function* walk<Step extends { cursor: string }>(stepAt: (cursor: string) => Promise<Step>): AsyncGenerator<Step> {
  const begin = (cursor: string) => {
    const step = stepAt(cursor);
    step.catch(() => {});
    return step;
  };
  for (let next = begin(START); ; ) {
    const step = await next;
    if (step.cursor !== START) next = begin(step.cursor);
    yield step;
    if (step.cursor === START) return;
  }
}

/** How many keys or members one step of a walk asks for. */
const STEP = 1000;

/** One step of a walk over the mirror's keys; what is there throughout turns up, some of it twice. */
export interface KeyStep {
  readonly cursor: string;
  /** `user:task` of the keys that stand where hashes of tasks do. */
  readonly members: string[];
  /** Whose indexes there are. */
  readonly users: string[];
  /** The task ids that there are lookups of. */
  readonly lookups: string[];
}

/** One step of a walk over an index: member and score in turn. */
export interface IndexStep {
  readonly cursor: string;
  readonly flat: readonly string[];
}

/** The same for a walk that looks at the copies. */
export interface CopyCursor extends IndexCursor {
  /** A cursor; the walk ends where it has come so far. */
  readonly until?: string;
}

/** The same with the copies that they are of. */
export interface CopyStep extends IndexStep {
  /** Behind its last member; START where it has none, or was taken without a look. */
  readonly reached: string;
  /** Of each member the hash's `updated_at` where the mirror's parts agree, and else nothing; null where nothing was looked at. */
  readonly times: readonly string[] | null;
}

/** Which index, of a user or (undefined) of all, and how far. */
export interface IndexCursor {
  readonly userId: string | undefined;
  readonly cursor: string;
}

export function keyStepCommand(cursor: string): Command {
  return ["SCAN", cursor, "MATCH", ALL_KEYS, "COUNT", STEP];
}

export function keyStepOf(reply: Reply, layout: Layout): KeyStep {
  const [cursor, keys] = reply as [string, string[]];
  const members: string[] = [];
  const users: string[] = [];
  const lookups: string[] = [];
  for (const key of keys) {
    const read = layout.readKey(key);
    if (read === null) continue;
    if ("member" in read) members.push(read.member);
    else if ("userId" in read) users.push(read.userId);
    else lookups.push(read.lookup);
  }
  return { cursor, members, users, lookups };
}

export function indexStepCommand({ userId, cursor }: IndexCursor, layout: Layout): Command {
  return ["ZSCAN", indexKey(layout, userId), cursor, "COUNT", STEP];
}

export function indexStepOf(reply: Reply): IndexStep | TtsctlError {
  if (reply instanceof TtsctlError) return reply;
  const [cursor, flat] = reply as [string, string[]];
  return { cursor, flat };
}
