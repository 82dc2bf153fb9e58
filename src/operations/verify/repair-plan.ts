import type { Drift } from "./drift.ts";
import { KINDS } from "./kinds.ts";
import { type Action, planRepair, type RepairPolicy } from "./plan.ts";

const ACTIONS = [
  "keep",
  "write",
  "overwrite",
  "bringBack",
  "restore",
  "removeMember",
  "prune",
] as const satisfies Action[];

/** What is to be done about every suspect, a byte each. */
export class RepairPlan {
  readonly #actions: Uint8Array;
  readonly #drift: Drift;
  /** Whether members that name no task are removed. */
  readonly removesMembers: boolean;
  readonly #restores: boolean;

  constructor(drift: Drift, policy: RepairPolicy) {
    this.#drift = drift;
    this.removesMembers = policy.removeMembers;
    this.#restores = policy.restore;
    this.#actions = new Uint8Array(drift.suspects.size);
    for (const suspect of drift.suspectsOf(...KINDS)) {
      this.#actions[suspect] = ACTIONS.indexOf(planRepair(drift.suspects.traits(suspect), policy));
    }
  }

  action(suspect: number): Action {
    return ACTIONS[this.#actions[suspect]!]!;
  }

  *of(...actions: readonly Action[]): Generator<number> {
    for (let suspect = 0; suspect < this.#actions.length; suspect++) {
      if (actions.includes(this.action(suspect))) yield suspect;
    }
  }

  /** Those of which Redis has the better copy, but not as a record that the file can take. */
  *notTakeable(): Generator<number> {
    for (const suspect of this.of("keep")) {
      const { finding, isRecord } = this.#drift.suspects.traits(suspect);
      const isWanted = finding === "newerInRedis" || (finding === "onlyInRedis" && this.#restores);
      if (isWanted && !isRecord) yield suspect;
    }
  }

  count(...actions: readonly Action[]): number {
    let count = 0;
    for (const _ of this.of(...actions)) count++;
    return count;
  }

  /** How many tasks are mended where everything goes well. */
  get size(): number {
    const misplaced = this.removesMembers ? this.#drift.counts.misplaced : 0;
    return this.#actions.length - this.count("keep") + misplaced;
  }
}
