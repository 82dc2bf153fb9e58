import { TtsctlError } from "../../errors.ts";
import type { RecordParser } from "../../task/parse.ts";
import type { Reply } from "./commands.ts";

/** What sync needs to know of a task's copy. */
export interface Look {
  /** The hash's time, or that of its payload where it has none of its own; null where there is no hash, or no time. */
  readonly updatedAt: string | null;
  /** What guards a write: the hash's own time, or without one its payload; null for neither. */
  readonly seen: string | null;
  readonly indexScore: number | null;
  readonly userScore: number | null;
}

/** What the script LOOK lists of a task that is not in step. */
export const LOOK_ITEMS = 4;

export const UNKNOWN: Look = { updatedAt: null, seen: null, indexScore: null, userScore: null };

/** What the script LOOK answers of some tasks; `scores` are those that were expected. */
export function looksOf(reply: Reply, scores: readonly (number | undefined)[], parser: RecordParser) {
  const [lines, others] = reply as [string, Reply[]];
  let next = 0;
  return lines.split("\n").map((updatedAt, i): Look | TtsctlError => {
    const score = scores[i];
    if (updatedAt !== "" && score !== undefined) {
      return { updatedAt, seen: updatedAt, indexScore: score, userScore: score };
    }
    const items = others.slice(next, next + LOOK_ITEMS);
    next += LOOK_ITEMS;
    return lookOf(items, parser);
  });
}

/** From what LOOK lists of one task. */
export function lookOf(items: readonly Reply[], parser: RecordParser): Look | TtsctlError {
  for (const item of items) if (item instanceof TtsctlError) return item;
  const [own, payload, indexScore, userScore] = items as (string | null)[];
  const scores = { indexScore: scoreOf(indexScore), userScore: scoreOf(userScore) };
  if (own || payload == null) return { updatedAt: own ?? null, seen: own || null, ...scores };
  const updatedAt = parser.isObject(payload) ? parser.texts(payload).updatedAt : null;
  return { updatedAt, seen: payload, ...scores };
}

/** A score as Redis writes it. */
export function scoreOf(text: string | null | undefined): number | null {
  return text == null ? null : Number(text);
}
