import { isScored, isWhole, type RedisCopy, sameContent, timeOf } from "../../store/layout/copy.ts";
import type { CopyReading } from "../../store/layout/layout.ts";
import type { Task } from "../../task/task.ts";
import { newer, sameInstant } from "../../task/version.ts";

/** Kinds of drift; a task is counted under the first that applies (docs/contract.md, Commands). */
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

/** `absent`: neither store has the task. */
export type Finding = Kind | "inSync" | "absent";

/** What decides how a task is repaired. */
export interface Traits {
  readonly finding: Finding;
  readonly inFile: boolean;
  readonly mirrorIsNewer: boolean;
  /** The file can take Redis's copy. */
  readonly isRecord: boolean;
  /** The key of the hash is of another type. */
  readonly isForeign: boolean;
  /** Its name in Redis isn't UTF-8, so no command can name it. */
  readonly isUnnamed: boolean;
  /** There is only a member of the user's index. */
  readonly memberOnly: boolean;
}

/** `verify -o json` (docs/contract.md, Commands): checked = inSync and all kinds. */
export interface VerifyResult extends Record<Kind, number> {
  checked: number;
  inSync: number;
  invalid: number;
  repaired: number;
}

/** Compares both copies of a task. A member in the index of another user is *dangling* until `Drift` finds its task. */
export function classify(record: Task | null, copy: RedisCopy, mirror: CopyReading): Finding {
  if (copy.type === "none") return withoutHash(record, copy);
  if (!isWhole(copy, mirror.parser)) return "partial";
  if (record === null) return "onlyInRedis";
  const time = timeOf(copy, mirror);
  if (!sameInstant(time, record.score)) return newer(time, record.score) ? "newerInRedis" : "stale";
  if (!sameContent(copy, record, mirror)) return "differs";
  if (copy.indexScore === null || copy.userScore === null || copy.lookup === "wrong") return "unindexed";
  return isScored(copy, record, mirror) ? "inSync" : "wrongScore";
}

function withoutHash(record: Task | null, { indexScore, userScore, lookup }: RedisCopy): Finding {
  if (indexScore !== null || userScore !== null || lookup === "own") return "dangling";
  return record === null ? "absent" : "onlyInFile";
}

/**
 * What a repair does about one suspect. File to Redis: `write` never goes back in time, `overwrite` also replaces a copy of the same time.
 * Redis to file: `bringBack` replaces an older record, `restore` adds one; then Redis's copy is written as by a sync.
 */
export const ACTIONS = ["write", "overwrite", "bringBack", "restore", "removeMember", "prune", "keep"] as const;
export type Action = (typeof ACTIONS)[number];

export interface RepairPolicy {
  /** Delete Redis-only tasks. */
  readonly prune: boolean;
  /** Copy Redis-only tasks to the file. */
  readonly restore: boolean;
  /** Remove members without a task: the file is known to be the right one. */
  readonly removeMembers: boolean;
}

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

/** A partial hash only counts if its payload is a whole record that is newer than the file's. */
function planPartial(traits: Traits, policy: RepairPolicy): Action {
  if (traits.isForeign) return "keep";
  if (!traits.inFile) return planOrphan(traits, policy);
  return traits.isRecord && traits.mirrorIsNewer ? "bringBack" : "overwrite";
}

function planOrphan({ isRecord }: Traits, { prune, restore }: RepairPolicy): Action {
  if (prune) return "prune";
  return restore && isRecord ? "restore" : "keep";
}
