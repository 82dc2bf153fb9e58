import type { Clock } from "../../clock.ts";
import { isRedisError, TtsctlError, throwIfInterrupted } from "../../errors.ts";
import type { CurrentFile } from "../../store/file/current-file.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import { invalidWarnings } from "../../store/task-store.ts";
import { NamedWarnings, type Reporter } from "../reporter.ts";
import { Drift } from "./drift.ts";
import { FirstLook } from "./first-look.ts";
import type { VerifyResult } from "./kinds.ts";
import { lookAgain } from "./second-look.ts";
import type { Suspects } from "./suspects.ts";

export interface CompareParts {
  readonly mirror: Mirror;
  readonly clock: Clock;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

export interface Comparison {
  readonly drift: Drift;
  /** Records of the file that are not valid. */
  readonly invalid: number;
  /** How many tasks the mirror has something of. */
  readonly mirrored: number;
  /** Tasks whose hash cannot be written: something else stands there. */
  readonly foreign: number;
}

/**
 * Two looks at both stores, of all tasks or of one user's.
 * @throws TtsctlError STORE_*, REDIS_*, INTERRUPTED
 */
export async function compare(parts: CompareParts, file: CurrentFile, userId: string | undefined): Promise<Comparison> {
  const snapshot = await file.snapshot();
  for (const line of invalidWarnings(snapshot)) parts.reporter.warn(line);
  const first = new FirstLook(parts, snapshot, userId);
  const done = () => `${first.compared} of ${snapshot.size} tasks were compared`;
  try {
    await first.run();
    throwIfInterrupted(parts.signal, done());
    const { mirrored, suspects } = first.marks;
    const inStep = first.marks.separate();
    await lookAgain({ ...parts, file }, suspects, snapshot.identity);
    throwIfInterrupted(parts.signal, done());
    const drift = new Drift(suspects, await file.snapshot(), { userId, inStep, brokenIndexes: first.brokenIndexes });
    const tasks = Math.max(0, mirrored - withoutTask(suspects));
    return { drift, invalid: snapshot.invalid.count, mirrored: tasks, foreign: nameForeign(drift, parts.reporter) };
  } catch (error) {
    throw isRedisError(error) ? lostMidway(error, done()) : error;
  }
}

/** How many suspects turned out to be members without a task, or nothing by now: a brake is not of these. */
function withoutTask(suspects: Suspects): number {
  let count = 0;
  for (const suspect of suspects.of("dangling", "absent")) if (!suspects.traits(suspect).inFile) count++;
  return count;
}

const FOREIGN = "its key in Redis holds something else than a hash; look at it, and remove it with redis-cli";
const UNNAMED = "its name in Redis isn't UTF-8; docs/runbook.md shows how to remove it with redis-cli";

/** Names what isn't ours to remove, or has no name that we could. Returns how many keys hold something else than a hash. */
function nameForeign(drift: Drift, reporter: Reporter): number {
  const foreign = new NamedWarnings(reporter, "cannot be mirrored");
  const unnamed = new NamedWarnings(reporter, "cannot be repaired");
  for (const suspect of drift.suspectsOf("partial", "dangling")) {
    const { userId, taskId } = drift.suspects.id(suspect);
    const { isForeign, isUnnamed } = drift.suspects.traits(suspect);
    if (isForeign) foreign.add(userId, taskId, FOREIGN);
    if (isUnnamed) unnamed.add(userId, taskId, UNNAMED);
  }
  for (const named of [foreign, unnamed]) named.end();
  return foreign.count;
}

function lostMidway(error: TtsctlError, done: string): TtsctlError {
  return new TtsctlError(error.code, `${error.message}; before that ${done}`, {
    hint: error.hint ?? "run `ttsctl verify` again when Redis is back",
    cause: error,
  });
}

/** `verify -o json`, in the order of SPEC section 5. */
export function resultOf({ drift, invalid }: Comparison, repaired: number): VerifyResult {
  const { inSync, size, counts } = drift;
  const { partial, dangling, onlyInFile, onlyInRedis, stale, newerInRedis, differs } = counts;
  const { unindexed, wrongScore, misplaced } = counts;
  return {
    ...{ checked: inSync + size, inSync, onlyInFile, onlyInRedis, stale, newerInRedis, differs, dangling, unindexed },
    ...{ wrongScore, misplaced, partial, invalid, repaired },
  };
}
