import { TtsctlError } from "../../errors.ts";
import type { Reply } from "./commands.ts";
import type { CopyReading, CopyState } from "./layout.ts";
import { WITHOUT_ITEMS } from "./lua-reading.ts";

/** A copy as a decision saw it, exactly as it stood there. */
export interface SeenCopy {
  /** Whether there is a hash. */
  readonly exists: boolean;
  readonly status: string;
  readonly updatedAt: string;
  /** Where the layout takes a copy for what its payload says; else empty. */
  readonly payload: string;
  /** The score in the global index as Redis writes it; empty for no member. One node is not asked for it beside a hash. */
  readonly score: string;
  /** The same in the user's index. */
  readonly userScore: string;
  /** Whether the lookup of its id names it; one node is not asked for that beside a hash either. */
  readonly isLookedUp: boolean;
}

/** What the script `see` answers of some tasks. @param width how many items its first list has of each */
export function seenCopiesOf(reply: Reply, count: number, width: number): (SeenCopy | TtsctlError)[] {
  const [items, without] = reply as [Reply[], Reply[]];
  let next = 0;
  return Array.from({ length: count }, (_, i) => {
    const [status, updatedAt, payload = null] = items.slice(i * width, (i + 1) * width) as [Reply, Reply, Reply?];
    if (status instanceof TtsctlError) return status;
    if (status !== 0) return seenCopyOf([1, status, updatedAt, null, null, payload, null]);
    const [score, userScore, named] = without.slice(next, next + WITHOUT_ITEMS) as [Reply, Reply, Reply];
    next += WITHOUT_ITEMS;
    return seenCopyOf([0, null, null, score, userScore, null, named]);
  });
}

/** From whether there is a hash, its status and time, both scores, its payload where that rules, whether its lookup names it. */
export function seenCopyOf(items: readonly Reply[]): SeenCopy | TtsctlError {
  const [exists, status, updatedAt, score, userScore, payload, named] = items;
  for (const item of [exists, score, userScore]) if (item instanceof TtsctlError) return item;
  const text = (reply: Reply | undefined) => (typeof reply === "string" ? reply : "");
  return {
    exists: exists === 1,
    status: text(status),
    updatedAt: text(updatedAt),
    payload: text(payload),
    score: text(score),
    userScore: text(userScore),
    isLookedUp: named === 1,
  };
}

/** Whether the mirror has nothing of the task. */
export function isNothing({ exists, score, userScore, isLookedUp }: SeenCopy): boolean {
  return !exists && score === "" && userScore === "" && !isLookedUp;
}

/** The status and time that a copy stands for. */
export function stateOf({ status, updatedAt, payload }: SeenCopy, { layout, parser }: CopyReading): CopyState {
  return layout.stateOf([status, updatedAt, payload || null], parser);
}
