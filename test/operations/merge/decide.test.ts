import { expect, test } from "vitest";
import { decideMerge, type Fate, type MergePolicy } from "../../../src/operations/merge/merge-plan.ts";

test.each<[theirs: number, same: boolean, Record<MergePolicy, Fate>]>([
  [Number.NaN, false, { newer: "added", keep: "added", replace: "added" }],
  [4, false, { newer: "replaced", keep: "present", replace: "replaced" }],
  [5, true, { newer: "identical", keep: "identical", replace: "identical" }],
  [5, false, { newer: "conflict", keep: "present", replace: "replaced" }],
  [6, false, { newer: "older", keep: "present", replace: "replaced" }],
])("a record of 5 where the file has %d, the same %s", (theirs, same, fates) => {
  for (const [policy, fate] of Object.entries(fates)) {
    expect(decideMerge(policy as MergePolicy, 5, theirs, same), policy).toBe(fate);
  }
});
