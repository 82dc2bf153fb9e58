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
