import { TtsctlError } from "../../errors.ts";
import type { Reply } from "./commands.ts";
import type { CopyReading, CopyState } from "./layout.ts";

/** A copy as a decision saw it, exactly as it stood there. */
export interface SeenCopy {
  /** Whether there is a hash. */
  readonly exists: boolean;
  readonly status: string;
  readonly updatedAt: string;
  /** Where the layout takes a copy for what its payload says; else empty. */
  readonly payload: string;
  /** The score in the global index as Redis writes it; empty for no member. */
  readonly score: string;
  /** The same in the user's index. */
  readonly userScore: string;
  /** Whether the lookup of its id names it. */
  readonly isLookedUp: boolean;
}

/** What the script `see` answers of one task. */
export function seenCopyOf(items: readonly Reply[]): SeenCopy | TtsctlError {
  const [exists, status, updatedAt, score, userScore, payload, named] = items;
  for (const item of [exists, score, userScore]) if (item instanceof TtsctlError) return item;
  const text = (reply: Reply | undefined) => (reply as string | null) ?? "";
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
