import { groupedBy } from "../../pool.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { KeyTable } from "../../store/key-table.ts";
import { fitOf, isNothing, isWhole, type RedisCopy, sameContent, timeOf } from "../../store/layout/copy.ts";
import type { CopyReading } from "../../store/layout/layout.ts";
import { keyOf, type TaskId } from "../../task/ids.ts";
import type { Task } from "../../task/task.ts";
import { newer, sameInstant } from "../../task/version.ts";

/** Kinds of drift, as JSON has them; a task is counted under the first that applies, *partial* and *dangling* first (docs/contract.md, Commands). */
export const KINDS = [
  "onlyInFile",
  "onlyInRedis",
  "stale",
  "newerInRedis",
  "differs",
  "dangling",
  "unindexed",
  "wrongScore",
  "misplaced",
  "partial",
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
  /** Each run that changes both stores first makes Redis as the file is: the deletion there, or of what the file has by now, is owed. */
  readonly isOwed: boolean;
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
  | ("write" | "reindex" | "overwrite" | "bringBack" | "restore" | "removeMember" | "prune" | "keep")
  | "settle"; // before any of these

export interface RepairPolicy {
  /** Delete Redis-only tasks. */
  readonly prune: boolean;
  /** Copy Redis-only tasks to the file. */
  readonly restore: boolean;
  /** Remove members without a task: the file is known to be the right one. */
  readonly removeMembers: boolean;
  /** Make owed deletions: the file shows them, or is restored without these tasks. */
  readonly settle: boolean;
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

export function planRepair(traits: Traits, { prune, restore, removeMembers, settle }: RepairPolicy): Action {
  const { finding, inFile, isRecord } = traits;
  if (traits.isUnnamed || traits.isForeign) return "keep";
  if (traits.isOwed) return settle ? "settle" : "keep";
  if (finding === "newerInRedis") return isRecord ? "bringBack" : "keep";
  if (finding === "dangling" && !inFile) return removeMembers ? "removeMember" : "keep";
  // A partial hash only counts if its payload is a whole record that is newer than the file's.
  if (finding === "partial" && inFile) return isRecord && traits.mirrorIsNewer ? "bringBack" : "overwrite";
  if (finding !== "partial" && finding !== "onlyInRedis") return PLANNED[finding] ?? "keep";
  if (prune) return "prune";
  return restore && isRecord ? "restore" : "keep";
}

/** One look at both copies of a task. */
export interface Look {
  readonly traits: Traits;
  /** The time of Redis's copy, or the score of the only member, epoch seconds; NaN for neither. */
  readonly mirrorTime: number;
  /** What identifies both copies, such as a fingerprint: several states of a task may have one time. */
  readonly print: number;
}

/** Every task that drifted, with its kind, and how many are in sync. A task that may have drifted is a number, a suspect. */
export class Drift {
  readonly keys = new KeyTable();
  readonly #traits: Traits[] = [];
  readonly #mirrorTimes: number[] = [];
  readonly #prints: number[] = [];
  /** Equal traits are one object. */
  readonly #knownTraits = new Map<string, Traits>();
  /** Suspects of which a key was seen whose name may not be UTF-8. */
  readonly unsure = new Set<number>();
  /** The other user's task that a *misplaced* member names, by suspect. If no user has the task, a member is dangling. */
  owners: ReadonlyMap<number, TaskId> = new Map();
  counts = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<Kind, number>;
  inSync = 0;
  /** How many index keys aren't sorted sets. */
  readonly brokenUsers = new Set<string>();
  invalid = 0;
  /** Whether the file has no tasks. */
  isFileEmpty = false;

  /** @param userId the one user whose tasks are compared */
  constructor(readonly userId: string | undefined) {}

  /** Adds a suspect. */
  add({ userId, taskId }: TaskId, isUnsure = false): number {
    const suspect = this.keys.addId(userId, taskId);
    if (isUnsure) this.unsure.add(suspect);
    return suspect;
  }

  /** The time of Redis's copy in the last look, if there was one. */
  timeSeen(suspect: number): number | undefined {
    return this.#mirrorTimes[suspect];
  }

  traits(suspect: number): Traits {
    return this.#traits[suspect]!;
  }

  /** Keeps a look. Returns whether the last one found the same. */
  see(suspect: number, { traits, mirrorTime, print }: Look): boolean {
    const same = this.#traits[suspect]?.finding === traits.finding && this.#prints[suspect] === print;
    this.#set(suspect, traits);
    this.#prints[suspect] = print;
    this.#mirrorTimes[suspect] = mirrorTime;
    return same;
  }

  /** A task that changes all the time isn't drift. */
  clear(suspect: number): void {
    this.#set(suspect, { ...this.traits(suspect), finding: "inSync" });
  }

  #set(suspect: number, traits: Traits): void {
    const name = Object.values(traits).join();
    if (!this.#knownTraits.has(name)) this.#knownTraits.set(name, traits);
    this.#traits[suspect] = this.#knownTraits.get(name)!;
  }

  /** Ends the comparison. @param undoubted how many tasks were no suspects */
  end(snapshot: Snapshot, undoubted: number): void {
    this.isFileEmpty = snapshot.size === 0;
    this.owners = this.#ownersIn(snapshot);
    for (const kind of KINDS) for (const _ of this.of(kind)) this.counts[kind]++;
    this.inSync = undoubted + [...this.suspectsOf("inSync")].length - this.counts.misplaced;
  }

  /** How many tasks drifted. */
  get size(): number {
    return Object.values(this.counts).reduce((sum, count) => sum + count);
  }

  /** Tasks that a plain repair keeps: Redis-only records and fragments, and keys or members that need redis-cli. */
  get left(): { records: number; fragments: number; stuck: number } {
    const left = { records: 0, fragments: 0, stuck: 0 };
    for (const suspect of this.suspectsOf(...KINDS)) {
      const traits = this.traits(suspect);
      if (planRepair(traits, { prune: false, restore: false, removeMembers: true, settle: true }) !== "keep") continue;
      if (traits.isForeign || traits.isUnnamed || traits.inFile) left.stuck++;
      else left[traits.isRecord ? "records" : "fragments"]++;
    }
    return left;
  }

  /** How many tasks Redis has something of; members without a task don't count. */
  get mirrored(): number {
    let count = this.inSync;
    for (const suspect of this.suspectsOf(...KINDS)) {
      const { finding, inFile } = this.traits(suspect);
      if (finding !== "onlyInFile" && (finding !== "dangling" || inFile)) count++;
    }
    return count + this.counts.misplaced;
  }

  /** The suspects of some kinds, without misplaced members and other users' tasks. */
  *suspectsOf(...kinds: readonly Finding[]): Generator<number> {
    for (const suspect of this.#of(...kinds)) {
      if (this.owners.has(suspect)) continue;
      if (this.userId === undefined || this.keys.userId(suspect) === this.userId) yield suspect;
    }
  }

  /** The tasks whose keys only redis-cli should or can remove. */
  withTrait(trait: "isForeign" | "isUnnamed"): TaskId[] {
    const suspects = [...this.suspectsOf("partial", "dangling")].filter((suspect) => this.traits(suspect)[trait]);
    return suspects.map((suspect) => this.keys.id(suspect));
  }

  /** How many of a kind are owed. */
  owed(kind: Kind): number {
    return [...this.suspectsOf(kind)].filter((suspect) => this.traits(suspect).isOwed).length;
  }

  *of(kind: Kind): Generator<TaskId> {
    if (kind === "misplaced") {
      const owners = new Map([...this.owners.values()].map((owner) => [keyOf(owner), owner]));
      for (const owner of owners.values()) if (!this.isDrifting(owner)) yield owner;
    } else for (const suspect of this.suspectsOf(kind)) yield this.keys.id(suspect);
  }

  isDrifting({ userId, taskId }: TaskId): boolean {
    const suspect = this.keys.find(userId, taskId);
    return suspect >= 0 && !["inSync", "absent"].includes(this.traits(suspect).finding);
  }

  *#of(...findings: readonly Finding[]): Generator<number> {
    for (const [suspect, { finding }] of this.#traits.entries()) if (findings.includes(finding)) yield suspect;
  }

  /** The owners of misplaced members: the first user with such a task, but preferably one whose task has the member's time. */
  #ownersIn(snapshot: Snapshot): Map<number, TaskId> {
    const { rows } = snapshot;
    const owners = new Map<number, TaskId>();
    // The suspects of which there is only a member of a user's index, by task id.
    const alone = [...this.#of("dangling")].filter((suspect) => this.traits(suspect).memberOnly);
    const members = groupedBy(alone, (suspect) => this.keys.taskId(suspect));
    if (members.size === 0) return owners;
    const offer = (keys: KeyTable, key: number, score: number) => {
      const owner = keys.userId(key);
      if (owner !== (this.userId ?? owner)) return;
      for (const member of members.get(keys.taskId(key)) ?? []) {
        if (owner === this.keys.userId(member)) continue;
        if (!owners.has(member) || this.#mirrorTimes[member] === score) owners.set(member, keys.id(key));
      }
    };
    for (const row of snapshot.liveRows()) offer(rows.keys, rows.key(row), rows.score(row));
    for (const suspect of this.#of("onlyInRedis", "partial")) offer(this.keys, suspect, this.#mirrorTimes[suspect]!);
    return owners;
  }
}
