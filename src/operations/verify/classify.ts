import { fitOf, isNothing, isWhole, type RedisCopy, sameContent, timeOf } from "../../store/layout/copy.ts";
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
  /** The comparison has set its index members. */
  readonly isReindexed: boolean;
}

/** Compares both copies of a task. A member in the index of another user is *dangling* until `Drift` finds its task. */
export function classify(record: Task | null, copy: RedisCopy, mirror: CopyReading): Finding {
  if (isNothing(copy)) return record === null ? "absent" : "onlyInFile";
  if (copy.type === "none") return "dangling";
  if (!isWhole(copy, mirror.parser)) return "partial";
  if (record === null) return "onlyInRedis";
  const time = timeOf(copy, mirror);
  if (!sameInstant(time, record.score)) return newer(time, record.score) ? "newerInRedis" : "stale";
  if (!sameContent(copy, record, mirror)) return "differs";
  return fitOf(copy, record, mirror);
}

/**
 * What a repair does about one suspect. File to Redis: `write` never goes back in time, `reindex` is a write that expects the hash to be as the
 * record, `overwrite` also replaces a copy of the same time.
 * Redis to file: `bringBack` replaces an older record, `restore` adds one; then Redis's copy is written as by a sync.
 */
export type Action =
  | "write"
  | "reindex"
  | "none"
  | "overwrite"
  | "bringBack"
  | "restore"
  | "removeMember"
  | "prune"
  | "keep";

export interface RepairPolicy {
  /** Delete Redis-only tasks. */
  readonly prune: boolean;
  /** Copy Redis-only tasks to the file. */
  readonly restore: boolean;
  /** Remove members without a task: the file is known to be the right one. */
  readonly removeMembers: boolean;
}

/** What the finding alone decides. */
const PLANNED: Partial<Record<Finding, Action>> = {
  dangling: "write",
  onlyInFile: "write",
  stale: "write",
  unindexed: "reindex",
  wrongScore: "reindex",
  differs: "overwrite",
};

export function planRepair(traits: Traits, { prune, restore, removeMembers }: RepairPolicy): Action {
  const { finding, inFile, isRecord } = traits;
  if (traits.isUnnamed || traits.isForeign) return "keep";
  if (traits.isReindexed) return "none";
  if (finding === "newerInRedis") return isRecord ? "bringBack" : "keep";
  if (finding === "dangling" && !inFile) return removeMembers ? "removeMember" : "keep";
  // A partial hash only counts if its payload is a whole record that is newer than the file's.
  if (finding === "partial" && inFile) return isRecord && traits.mirrorIsNewer ? "bringBack" : "overwrite";
  if (finding !== "partial" && finding !== "onlyInRedis") return PLANNED[finding] ?? "keep";
  if (prune) return "prune";
  return restore && isRecord ? "restore" : "keep";
}
