/**
 * Which record stays where the store file has another one of the same task. `update` is `newer` for tasks that the file
 * has; one that it has no more was deleted meanwhile.
 */
export type MergePolicy = "newer" | "keep" | "replace" | "update";

/**
 * What becomes of a record that is merged into the store file: it goes in (`add`, `replace`), is there already, or the
 * file's stays since it is newer (`older`), of the same time with other content (`conflict`), since that was asked for
 * (`present`), or since it was written while we were at it (`changed`). `refused`: it cannot be put into this file.
 */
export const FATES = [
  "undecided",
  "add",
  "replace",
  "identical",
  "older",
  "conflict",
  "present",
  "changed",
  "refused",
] as const;
export type Fate = (typeof FATES)[number];

/**
 * @param ours `updated_at` of the record, whole microseconds
 * @param theirs that of the file's record; NaN where it has none
 * @param same whether the two hold the same; asked only where the times are equal
 */
export function decideMerge(policy: MergePolicy, ours: number, theirs: number, same: boolean): Fate {
  if (Number.isNaN(theirs)) return policy === "update" ? "changed" : "add";
  if (ours === theirs && same) return "identical";
  if (policy === "keep") return "present";
  if (policy === "replace" || ours > theirs) return "replace";
  return ours === theirs ? "conflict" : "older";
}

/** Whether the record is to be in the file in the end. */
export function goesIn(fate: Fate): boolean {
  return fate === "add" || fate === "replace";
}
