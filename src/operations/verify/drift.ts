import type { Snapshot } from "../../store/file/snapshot.ts";
import type { KeyTable } from "../../store/key-table.ts";
import type { TaskId } from "../../store/task-source.ts";
import { keyOf } from "../../task/ids.ts";
import { type Finding, KINDS, type Kind, planRepair } from "./classify.ts";
import type { Suspects } from "./suspects.ts";

interface DriftFacts {
  /** The one user whose tasks were compared. */
  readonly userId: string | undefined;
  /** How many tasks weren't suspects. */
  readonly inStep: number;
  readonly brokenIndexes: number;
  /** Whether the file has no tasks. */
  readonly isFileEmpty: boolean;
  readonly invalid: number;
}

/** The result of a comparison: every task that drifted, with its kind, and how many are in sync. */
export class Drift {
  readonly suspects: Suspects;
  /** The other user's task that a *misplaced* member names, by suspect. If no user has the task, a member is dangling. */
  readonly owners: ReadonlyMap<number, TaskId>;
  readonly inSync: number;
  readonly counts: Readonly<Record<Kind, number>>;
  readonly facts: DriftFacts;

  constructor(suspects: Suspects, snapshot: Snapshot, facts: DriftFacts) {
    const { userId, inStep } = facts;
    this.facts = facts;
    this.suspects = suspects;
    this.owners = ownersOf(suspects, snapshot, userId);
    const counts = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<Kind, number>;
    for (const kind of KINDS) for (const _ of this.of(kind)) counts[kind]++;
    this.counts = counts;
    let cleared = 0;
    for (const _ of this.suspectsOf("inSync")) cleared++;
    this.inSync = inStep + cleared - counts.misplaced;
  }

  get size(): number {
    return Object.values(this.counts).reduce((sum, count) => sum + count);
  }

  /** Tasks that a plain repair keeps: Redis-only records and fragments, and keys or members that need redis-cli. */
  get left(): { records: number; fragments: number; stuck: number } {
    const left = { records: 0, fragments: 0, stuck: 0 };
    for (const suspect of this.suspectsOf(...KINDS)) {
      const traits = this.suspects.traits(suspect);
      if (planRepair(traits, { prune: false, restore: false, removeMembers: true }) !== "keep") continue;
      if (traits.isForeign || traits.isUnnamed || traits.inFile) left.stuck++;
      else if (traits.isRecord) left.records++;
      else left.fragments++;
    }
    return left;
  }

  /** How many tasks Redis has something of; members without a task don't count. */
  get mirrored(): number {
    let count = this.facts.inStep;
    for (const suspect of this.suspects.of("inSync", ...KINDS)) {
      const { finding, inFile } = this.suspects.traits(suspect);
      if (finding !== "onlyInFile" && (finding !== "dangling" || inFile)) count++;
    }
    return count;
  }

  /** The suspects of some kinds, without misplaced members and other users' tasks. */
  *suspectsOf(...kinds: readonly Finding[]): Generator<number> {
    for (const suspect of this.suspects.of(...kinds)) {
      if (this.owners.has(suspect)) continue;
      const { userId } = this.facts;
      if (userId === undefined || this.suspects.keys.userId(suspect) === userId) yield suspect;
    }
  }

  *of(kind: Kind): Generator<TaskId> {
    if (kind === "misplaced") {
      const owners = new Map([...this.owners.values()].map((owner) => [keyOf(owner), owner]));
      for (const owner of owners.values()) if (!this.isDrifting(owner)) yield owner;
    } else for (const suspect of this.suspectsOf(kind)) yield this.suspects.id(suspect);
  }

  isDrifting({ userId, taskId }: TaskId): boolean {
    const suspect = this.suspects.keys.find(userId, taskId);
    if (suspect < 0) return false;
    const finding = this.suspects.finding(suspect);
    return finding !== "inSync" && finding !== "absent";
  }
}

/** The owners of misplaced members. @param userId the one user whose tasks are compared; others can't be owners then */
function ownersOf(suspects: Suspects, snapshot: Snapshot, userId: string | undefined): Map<number, TaskId> {
  const owners = new Map<number, TaskId>();
  const members = membersByTask(suspects);
  if (members.size === 0) return owners;
  // The owner is the first user with such a task, but preferably one whose task has the member's time.
  const offer = (keys: KeyTable, key: number, score: number) => {
    const wanted = members.get(keys.taskId(key));
    if (wanted === undefined) return;
    const owner = keys.userId(key);
    if (userId !== undefined && owner !== userId) return;
    for (const member of wanted) {
      if (owner === suspects.keys.userId(member)) continue;
      if (!owners.has(member) || suspects.mirrorTime(member) === score) owners.set(member, keys.id(key));
    }
  };
  const { rows } = snapshot;
  for (const row of snapshot.liveRows()) offer(rows.keys, rows.key(row), rows.score(row));
  for (const suspect of suspects.of("onlyInRedis", "partial")) {
    offer(suspects.keys, suspect, suspects.mirrorTime(suspect));
  }
  return owners;
}

/** The suspects of which there is only a member of a user's index, by task id. */
function membersByTask(suspects: Suspects): Map<string, number[]> {
  const members = new Map<string, number[]>();
  for (const suspect of suspects.of("dangling")) {
    if (!suspects.traits(suspect).memberOnly) continue;
    const { taskId } = suspects.id(suspect);
    const same = members.get(taskId);
    if (same === undefined) members.set(taskId, [suspect]);
    else same.push(suspect);
  }
  return members;
}
