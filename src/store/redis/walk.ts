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
  for (let next = stepAhead(mirror, userId, START); ; ) {
    const [step] = await next;
    if (step instanceof TtsctlError) throw step;
    const { cursor, flat } = step!;
    if (cursor !== START) next = stepAhead(mirror, userId, cursor);
    yield flat;
    if (cursor === START) return;
  }
}

/** The next step is under way while whoever walks works on the one before; it may be given up, and then nobody hears of it. */
function stepAhead(mirror: Steps, userId: string | undefined, cursor: string): ReturnType<Steps["stepIndexes"]> {
  const step = mirror.stepIndexes([{ userId, cursor }]);
  step.catch(() => {});
  return step;
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
