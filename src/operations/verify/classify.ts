import { isWhole, type RedisCopy, sameContent, scoreOf, timeOf } from "../../store/layout/copy.ts";
import { type CopyReading, userScoreOf } from "../../store/layout/layout.ts";
import type { Task } from "../../task/task.ts";
import { toMicros } from "../../task/time.ts";

/** In what a task can differ between the stores; each is counted under the first that applies (SPEC section 5). */
export const KINDS = [
  "partial",
  "dangling",
  "onlyInFile",
  "onlyInRedis",
  "stale",
  "newerInRedis",
  "differs",
  "unindexed",
  "wrongScore",
  "misplaced",
] as const;
export type Kind = (typeof KINDS)[number];

/** What a look at both copies of a task says: a kind, that they are in step, or that neither store has it. */
export type Finding = Kind | "inSync" | "absent";

/** `verify -o json` (SPEC section 5): checked = inSync and all kinds. */
export interface VerifyResult extends Record<Kind, number> {
  checked: number;
  inSync: number;
  invalid: number;
  repaired: number;
}

/**
 * How both copies of a task stand to each other; pure. A member that is in the index of another user is not seen here:
 * that other user's task has no copy, and is *dangling* until an owner is found (`strays.ts`).
 * @param record the file's, or null
 */
export function classify(record: Task | null, copy: RedisCopy, mirror: CopyReading): Finding {
  if (copy.type === "none") return withoutHash(record, copy);
  if (!isWhole(copy, mirror.parser)) return "partial";
  if (record === null) return "onlyInRedis";
  const ahead = toMicros(timeOf(copy, mirror)) - toMicros(record.score);
  if (ahead !== 0) return ahead < 0 ? "stale" : "newerInRedis";
  if (!sameContent(copy, record, mirror)) return "differs";
  if (copy.indexScore === null || copy.userScore === null || copy.lookup === "wrong") return "unindexed";
  return scoreOf(copy.indexScore) === record.score && scoreOf(copy.userScore) === userScoreOf(mirror, record)
    ? "inSync"
    : "wrongScore";
}

function withoutHash(record: Task | null, { indexScore, userScore, lookup }: RedisCopy): Finding {
  if (indexScore !== null || userScore !== null || lookup === "own") return "dangling";
  return record === null ? "absent" : "onlyInFile";
}
