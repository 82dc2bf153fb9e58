import { TtsctlError } from "../../errors.ts";
import type { RecordParser } from "../../task/parse.ts";
import { formatUtc } from "../../task/time.ts";
import type { Reply } from "./commands.ts";
import { type Layout, userScoreOfHash } from "./layout.ts";
import { LOOK_ITEMS } from "./lua-reading.ts";

/** What sync needs to know of a task's copy. */
export interface Look {
  /** The hash's time, or that of its payload where it has none of its own; null where there is no hash, or no time. */
  readonly updatedAt: string | null;
  /** What guards a write: the hash's own time, or without one its payload; null for neither. */
  readonly seen: string | null;
  readonly indexScore: number | null;
  readonly userScore: number | null;
  /** The score in the user's index that fits the hash, where that isn't its `updated_at`. */
  readonly userDue?: number;
  /** Whether the lookup of its id leads to it, or to a newer task; true where the layout has none. */
  readonly isLookedUp: boolean;
}

export const UNKNOWN: Look = { updatedAt: null, seen: null, indexScore: null, userScore: null, isLookedUp: false };

/** What the script `look` answers of some tasks; `scores` are those that were expected. */
export function looksOf(
  reply: Reply,
  scores: readonly (number | undefined)[],
  layout: Layout,
  parser: RecordParser,
): (Look | TtsctlError)[] {
  const [lines, others] = reply as [string, Reply[]];
  let next = 0;
  return lines.split("\n").map((updatedAt, i) => {
    const score = scores[i];
    if (updatedAt !== "" && score !== undefined) {
      return { updatedAt, seen: updatedAt, indexScore: score, userScore: score, isLookedUp: true };
    }
    const items = others.slice(next, next + LOOK_ITEMS);
    next += LOOK_ITEMS;
    return lookOf(items, layout, parser);
  });
}

/** From what the script `look` lists of one task. */
export function lookOf(items: readonly Reply[], layout: Layout, parser: RecordParser): Look | TtsctlError {
  for (const item of items) if (item instanceof TtsctlError) return item;
  const [own, payload, indexScore, userScore, says, created] = items as (string | null)[];
  const isLookedUp = layout.lookup === undefined || says !== "wrong";
  return {
    ...timeSeen(own || null, payload ?? null, layout, parser),
    ...{ indexScore: scoreOf(indexScore), userScore: scoreOf(userScore), isLookedUp },
    ...(layout.userScoredBy === "updated_at"
      ? {}
      : { userDue: userScoreOfHash(layout, own ?? null, created ?? null, parser.times) }),
  };
}

/** The time of a copy, and what guards a write over it. */
export function timeSeen(
  own: string | null,
  payload: string | null,
  layout: Layout,
  parser: RecordParser,
): Pick<Look, "updatedAt" | "seen"> {
  const { time } = layout.stateOf([null, own, payload], parser);
  if (payload === null || (own !== null && Object.is(parser.times.ofHash(own), time)))
    return { updatedAt: own, seen: own };
  return { updatedAt: Number.isNaN(time) ? null : formatUtc(time), seen: payload };
}

/** A score as Redis writes it. */
export function scoreOf(text: string | null | undefined): number | null {
  return text == null ? null : Number(text);
}
