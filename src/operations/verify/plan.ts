import type { Finding } from "./classify.ts";

/**
 * What a repair does about one suspect. File to Redis: `write` never goes back in time, `overwrite` also replaces a copy of
 * the same time. Redis to file: `bringBack` replaces an older record, `restore` adds one; then Redis's copy is overwritten
 * as a sync would write it. In Redis: `removeMember`, `prune`.
 */
export type Action = "write" | "overwrite" | "bringBack" | "restore" | "removeMember" | "prune" | "keep";

/** The facts of a suspect that decide what is done. */
export interface Traits {
  readonly finding: Finding;
  readonly inFile: boolean;
  readonly mirrorIsNewer: boolean;
  /** The file can take Redis's copy. */
  readonly isRecord: boolean;
  /** The key of the hash is of another type. */
  readonly isForeign: boolean;
  /** Its name in Redis isn't UTF-8. */
  readonly isUnnamed: boolean;
}

export interface RepairPolicy {
  /** Delete Redis-only tasks. */
  readonly prune: boolean;
  /** Copy Redis-only tasks to the file. */
  readonly restore: boolean;
  /** Remove members without a task: the file is known to be the right one. */
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
