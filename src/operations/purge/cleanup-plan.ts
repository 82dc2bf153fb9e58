import type { Snapshot } from "../../store/file/snapshot.ts";
import type { MirrorUse } from "../../store/mirror-link.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { Parts } from "../parts.ts";
import { type Census, diskUse, takeCensus } from "./census.ts";
import { type Decision, decideCleanup, type Looked, NO_STANDING, type Standing } from "./decide.ts";
import { isExpired, type Limits, latestLimit, limitsOf, type Plan, planTasks, type RetentionPolicy } from "./policy.ts";
import { chosenRows, type Survey, survey } from "./survey.ts";

/** Empty directories that changed within this time are kept. Seconds. */
const FRESH_S = 3600;
const NEVER = Number.NEGATIVE_INFINITY;

/** For `keep_last` and `max_bytes`: every task at the start of a pass. */
interface Ranking {
  readonly census: Census;
  /** Finished tasks, the newest first. */
  readonly order: Int32Array;
  readonly plan: Plan;
}

/** The tasks that a pass looks at, and its decision on each. */
export class CleanupPlan {
  readonly limits: Limits;
  readonly #snapshot: Snapshot;
  readonly #ranking: Ranking | null;

  private constructor(limits: Limits, snapshot: Snapshot, ranking: Ranking | null) {
    this.limits = limits;
    this.#snapshot = snapshot;
    this.#ranking = ranking;
  }

  /** @param now epoch seconds, when the pass began */
  static async make(
    parts: Parts<"artifacts" | "reporter">,
    snapshot: Snapshot,
    use: MirrorUse,
    policy: RetentionPolicy,
    now: number,
  ): Promise<CleanupPlan> {
    const limits = limitsOf(policy, now);
    if (policy.keepLast === 0 && policy.maxBytes === 0) return new CleanupPlan(limits, snapshot, null);
    const census = await use.attempt((mirror) => takeCensus(snapshot, mirror, limits));
    const order = census.finished();
    const bytes = policy.maxBytes > 0 ? await diskUse(parts, census, order, snapshot.invalid.ownerless) : null;
    return new CleanupPlan(limits, snapshot, { census, order, plan: planTasks(order, census, bytes, policy) });
  }

  /** Null if neither `keep_last` nor `max_bytes` is set. */
  get totals(): Plan | null {
    return this.#ranking?.plan ?? null;
  }

  /** Candidates of both stores (docs/contract.md, Cleanup, steps 2 and 3), and tasks that make room. */
  survey(mirror: Mirror | null): Promise<Survey> {
    const { rows: table } = this.#snapshot;
    const rows = chosenRows(this.#snapshot, (row, copy) => {
      return isExpired(copy, this.limits) || (this.#isShortOfRoom && this.#makesRoom(this.#snapshot.idOf(row)));
    });
    // An interrupted pass has then purged the oldest, and neighbours in Redis and in `Logs/` are purged together.
    rows.sort((a, b) => table.score(a) - table.score(b));
    if (!this.#isShortOfRoom) return survey(this.#snapshot, rows, mirror, () => true, latestLimit(this.limits));
    return survey(this.#snapshot, rows, mirror, (member) => this.isMemberChosen(member, member.score));
  }

  /** Whether its index member makes a task a candidate. @param score NaN for no member */
  isMemberChosen(id: TaskId, score: number): boolean {
    return score <= latestLimit(this.limits) || this.#makesRoom(id);
  }

  /** The second look (docs/contract.md, Cleanup, step 4). */
  decide({ id, copies, redis }: Looked): Decision {
    if (copies.file === null && copies.mirror === "dangling" && !(Number(redis!.indexScore) <= this.limits.member)) {
      return { kind: "keep", reason: "an index member without a task that is not expired", candidate: false };
    }
    return decideCleanup(copies, this.limits, this.standing(id));
  }

  standing(id: TaskId): Standing {
    if (this.#ranking === null) return NO_STANDING;
    const { census, plan } = this.#ranking;
    const task = census.indexOf(id);
    return { kept: plan.kept[task] === 1, forSpace: plan.forSpace[task] === 1 ? census.time(task) : NEVER };
  }

  /** How many finished tasks of its user are newer; -1 if the task is not ranked. */
  newerOfUser(id: TaskId): number {
    if (this.#ranking === null) return -1;
    const { census, order } = this.#ranking;
    const place = order.indexOf(census.indexOf(id));
    if (place < 0) return -1;
    return order.slice(0, place).filter((task) => census.id(task).userId === id.userId).length;
  }

  /** Empty directories that last changed before this are removed, epoch seconds: also those of younger purged tasks. */
  get sweepBefore(): number {
    const { now, member } = this.limits;
    const newestForSpace = this.#ranking?.order.find((task) => this.#ranking!.plan.forSpace[task] === 1);
    const newest = newestForSpace === undefined ? NEVER : this.#ranking!.census.time(newestForSpace);
    return Math.max(member, Math.min(now - FRESH_S, Math.max(latestLimit(this.limits), newest)));
  }

  get #isShortOfRoom(): boolean {
    return this.#ranking !== null && this.#ranking.plan.bytes > 0;
  }

  #makesRoom(id: TaskId): boolean {
    return this.standing(id).forSpace !== NEVER;
  }
}

export interface PrepareOptions extends RetentionPolicy {
  /** Accept an empty store file beside a Redis with tasks. */
  readonly allowEmpty: boolean;
}

/** Reads both stores, and for `max_bytes` the disk. @param now epoch seconds, one for the pass */
export async function prepare(
  parts: Parts<"artifacts" | "reporter">,
  snapshot: Snapshot,
  use: MirrorUse,
  options: PrepareOptions,
  now: number,
): Promise<{ readonly plan: CleanupPlan; readonly found: Survey }> {
  const plan = await CleanupPlan.make(parts, snapshot, use, options, now);
  const found = await use.attempt((mirror) => plan.survey(mirror));
  return { plan, found };
}
