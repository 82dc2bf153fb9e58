import type { Clock } from "../../clock.ts";
import { isRedisError, TtsctlError } from "../../errors.ts";
import type { FileStore } from "../../store/file/file-store.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import { invalidWarnings } from "../../store/task-store.ts";
import { CurrentFile } from "../current-file.ts";
import { throwIfInterrupted } from "../pool.ts";
import type { Reporter } from "../reporter.ts";
import { checkTimezone } from "../safety.ts";
import { Drift } from "./drift.ts";
import { FirstLook } from "./first-look.ts";
import type { VerifyResult } from "./kinds.ts";
import { lookAgain } from "./second-look.ts";

export interface VerifyOptions {
  readonly userId?: string;
}

export interface VerifyParts {
  readonly file: FileStore;
  readonly mirror: Mirror;
  readonly clock: Clock;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

/** `verify -o json`, and whose tasks drifted. */
export interface VerifyOutcome {
  readonly result: VerifyResult;
  readonly drift: Drift;
}

/**
 * Compares the store file and Redis, record by record and member by member, and changes nothing.
 * @throws TtsctlError STORE_*, REDIS_* (also when Redis is lost midway)
 */
export async function verify(parts: VerifyParts, options: VerifyOptions): Promise<VerifyOutcome> {
  const file = new CurrentFile(parts.file);
  try {
    await warnOfTimezone(parts);
    const comparison = await compare(parts, file, options.userId);
    return { result: resultOf(comparison), drift: comparison.drift };
  } finally {
    await file.close();
  }
}

interface Comparison {
  readonly drift: Drift;
  readonly invalid: number;
  /** How many tasks the mirror has something of. */
  readonly mirrored: number;
}

async function compare(parts: VerifyParts, file: CurrentFile, userId: string | undefined): Promise<Comparison> {
  const snapshot = await file.snapshot();
  for (const line of invalidWarnings(snapshot)) parts.reporter.warn(line);
  const first = new FirstLook(parts, snapshot, userId);
  const done = () => `${first.compared} of ${snapshot.size} tasks were compared`;
  try {
    await first.run();
    throwIfInterrupted(parts.signal, done());
    const { mirrored } = first.marks;
    const inStep = first.marks.separate();
    const { suspects } = first.marks;
    await lookAgain({ ...parts, file }, suspects, snapshot.identity);
    throwIfInterrupted(parts.signal, done());
    const drift = new Drift(suspects, await file.snapshot(), userId, inStep);
    return { drift, invalid: snapshot.invalid.count, mirrored };
  } catch (error) {
    throw isRedisError(error) ? lostMidway(error, done()) : error;
  }
}

function lostMidway(error: TtsctlError, done: string): TtsctlError {
  return new TtsctlError(error.code, `${error.message}; before that ${done}`, {
    hint: error.hint ?? "run `ttsctl verify` again when Redis is back",
    cause: error,
  });
}

/** A wrong zone shows in every score; nothing is changed, so that it is said and no more. */
async function warnOfTimezone({ mirror, reporter }: VerifyParts): Promise<void> {
  try {
    await checkTimezone(mirror);
  } catch (error) {
    if (!(error instanceof TtsctlError) || error.code !== "TIMEZONE_MISMATCH") throw error;
    reporter.warn(`${error.message}: ${error.hint}`);
  }
}

/** In the order of SPEC section 5. */
function resultOf({ drift, invalid }: Comparison, repaired = 0): VerifyResult {
  const { inSync, size, counts } = drift;
  const { partial, dangling, onlyInFile, onlyInRedis, stale, newerInRedis, differs } = counts;
  const { unindexed, wrongScore, misplaced } = counts;
  return {
    ...{ checked: inSync + size, inSync, onlyInFile, onlyInRedis, stale, newerInRedis, differs, dangling, unindexed },
    ...{ wrongScore, misplaced, partial, invalid, repaired },
  };
}
