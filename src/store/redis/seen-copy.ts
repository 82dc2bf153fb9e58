import { TtsctlError } from "../../errors.ts";
import type { Reply } from "./commands.ts";

/** A copy as a decision saw it, exactly as it stood there. */
export interface SeenCopy {
  /** Whether there is a hash. */
  readonly exists: boolean;
  readonly status: string;
  readonly updatedAt: string;
  /** The score in the global index as Redis writes it; empty for no member. */
  readonly score: string;
  /** The same in the user's index. */
  readonly userScore: string;
}

/** What the script SEE answers of one task. */
export function seenCopyOf([exists, status, updatedAt, score, userScore]: readonly Reply[]): SeenCopy | TtsctlError {
  for (const item of [exists, score, userScore]) if (item instanceof TtsctlError) return item;
  const text = (reply: Reply | undefined) => (reply as string | null) ?? "";
  return {
    exists: exists === 1,
    status: text(status),
    updatedAt: text(updatedAt),
    score: text(score),
    userScore: text(userScore),
  };
}
