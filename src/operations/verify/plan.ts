import type { Finding } from "./classify.ts";

/**
 * What is done about one suspect. From the file to Redis: `write` never goes back in time, `overwrite` also replaces a
 * copy of the same time. Into the file: `bringBack` over its older record, `restore` as a new one; both are then
 * overwritten in Redis, so that it holds what a sync would write. From Redis alone: `removeMember`, `prune`.
 */
export type Action = "write" | "overwrite" | "bringBack" | "restore" | "removeMember" | "prune" | "keep";

/** What a plan needs to know of a suspect. */
export interface Traits {
  readonly finding: Finding;
  readonly inFile: boolean;
  /** The time of Redis's copy is after that of the file's record. */
  readonly mirrorIsNewer: boolean;
  /** Redis's copy is a record that the file can take. */
  readonly isRecord: boolean;
  /** What stands where the hash belongs is of another type. */
  readonly isForeign: boolean;
  /** Its name in Redis isn't UTF-8. */
  readonly isUnnamed: boolean;
}

export interface RepairPolicy {
  /** What only Redis has is removed. */
  readonly prune: boolean;
  /** What only Redis has is put into the file. */
  readonly restore: boolean;
  /** Members without a task may go: the file is known to be the right one. */
  readonly removeMembers: boolean;
}

/** Decides on one suspect; pure. */
export function planRepair(traits: Traits, policy: RepairPolicy): Action {
  if (traits.isUnnamed) return "keep";
  switch (traits.finding) {
    case "onlyInFile":
    case "stale":
    case "unindexed":
    case "wrongScore":
      return "write";
    case "differs":
      return "overwrite";
    case "newerInRedis":
      return traits.isRecord ? "bringBack" : "keep";
    case "dangling":
      if (traits.inFile) return "write";
      return policy.removeMembers ? "removeMember" : "keep";
    case "partial":
      return planPartial(traits, policy);
    case "onlyInRedis":
      return planOrphan(traits, policy);
    default:
      return "keep";
  }
}

/** A partial hash is no copy, unless its payload is a whole record that is newer than the file's. */
function planPartial(traits: Traits, policy: RepairPolicy): Action {
  if (traits.isForeign) return "keep";
  if (!traits.inFile) return planOrphan(traits, policy);
  return traits.isRecord && traits.mirrorIsNewer ? "bringBack" : "overwrite";
}

function planOrphan({ isRecord }: Traits, { prune, restore }: RepairPolicy): Action {
  if (prune) return "prune";
  return restore && isRecord ? "restore" : "keep";
}
