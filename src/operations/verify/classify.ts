import { isWhole, type RedisCopy, sameContent, scoreOf, timeOf } from "../../store/layout/copy.ts";
import { type CopyReading, userScoreOf } from "../../store/layout/layout.ts";
import type { Task } from "../../task/task.ts";
import { toMicros } from "../../task/time.ts";

/** Kinds of drift; a task is counted under the first that applies (SPEC section 5). */
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

/** `absent`: neither store has the task. */
export type Finding = Kind | "inSync" | "absent";

/** `verify -o json` (SPEC section 5): checked = inSync and all kinds. */
export interface VerifyResult extends Record<Kind, number> {
  checked: number;
  inSync: number;
  invalid: number;
  repaired: number;
}

/**
 * Compares both copies of a task; pure. A member in the index of another user is *dangling* here, until `Strays` finds the
 * task that it belongs to.
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
