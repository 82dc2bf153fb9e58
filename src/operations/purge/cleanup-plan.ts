import { TtsctlError } from "../../errors.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { KeyTable } from "../../store/key-table.ts";
import { scoreOf } from "../../store/layout/copy.ts";
import type { MirrorUse } from "../../store/mirror-link.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { Version } from "../../task/version.ts";
import { diskUse } from "../disk-use.ts";
import { FolderNames, NOBODY } from "../owners.ts";
import type { Parts } from "../parts.ts";
import { type Copies, existing, fileCopyOf, type Looked, mirrorCopy } from "./copies.ts";
import {
  type Decision,
  decideCleanup,
  type Evidence,
  isExpired,
  isFinished,
  type Limits,
  latestLimit,
  limitsOf,
  mayMakeRoom,
  NEVER,
  NO_STANDING,
  type RetentionPolicy,
  type Standing,
} from "./rules.ts";
import { chosenRows, indexMembers, type Survey, survey } from "./survey.ts";

/** Empty directories that changed within this time are kept. Seconds. */
const FRESH_S = 3600;

/** The tasks that a pass looks at, and its decision on each. */
export class CleanupPlan {
  private constructor(
    private readonly policy: RetentionPolicy,
    readonly limits: Limits,
    private readonly snapshot: Snapshot,
    /** Null if neither `keep_last` nor `max_bytes` is set. */
    readonly ranking: Ranking | null,
  ) {}

  /** Reads both stores, and for `max_bytes` the disk. @param now epoch seconds, one for the pass */
  static async make(
    parts: Parts<"artifacts" | "reporter">,
    snapshot: Snapshot,
    use: MirrorUse,
    policy: RetentionPolicy,
    now: number,
  ): Promise<{ readonly plan: CleanupPlan; readonly found: Survey }> {
    const limits = limitsOf(policy, now);
    let ranking: Ranking | null = null;
    if (policy.keepLast > 0 || policy.maxBytes > 0) {
      const tasks = await use.attempt((mirror) => AllTasks.read(snapshot, mirror, limits));
      const order = tasks.newestFirst();
      const sizes = policy.maxBytes > 0 ? await freedBy(parts, tasks, order) : new Map<number, number>();
      ranking = { tasks, order, ...rank(order, tasks, sizes, policy) };
    }
    const plan = new CleanupPlan(policy, limits, snapshot, ranking);
    return { plan, found: await use.attempt((mirror) => plan.#survey(mirror)) };
  }

  /** Candidates of both stores (docs/contract.md, Cleanup, steps 2 and 3), and tasks that make room. */
  #survey(mirror: Mirror | null): Promise<Survey> {
    const { snapshot, limits } = this;
    const isShortOfRoom = (this.ranking?.forSpace.size ?? 0) > 0;
    const makesRoom = (id: TaskId) => isShortOfRoom && this.standing(id).forSpace !== NEVER;
    const rows = chosenRows(snapshot, (row, copy) => isExpired(copy, limits) || makesRoom(snapshot.idOf(row)));
    // An interrupted pass has then purged the oldest, and neighbours in Redis and in `Logs/` are purged together.
    rows.sort((a, b) => snapshot.rows.score(a) - snapshot.rows.score(b));
    const limit = latestLimit(limits);
    if (!isShortOfRoom) return survey(snapshot, rows, mirror, () => true, limit);
    return survey(snapshot, rows, mirror, (member) => member.score <= limit || makesRoom(member));
  }

  decide(task: Looked): Decision {
    return decideCleanup(this.evidence(task));
  }

  evidence({ id, copies, redis }: Looked): Evidence {
    return {
      copies,
      indexScore: scoreOf(redis?.indexScore ?? null) ?? Number.NaN,
      limits: this.limits,
      policy: this.policy,
      standing: this.standing(id),
      finishedBytes: this.ranking?.bytes ?? null,
    };
  }

  standing(id: TaskId): Standing {
    if (this.ranking === null) return NO_STANDING;
    const { tasks, order, kept, forSpace } = this.ranking;
    const task = tasks.indexOf(id);
    const newer = () => {
      const place = order.indexOf(task);
      return place < 0 ? -1 : order.slice(0, place).filter((other) => tasks.id(other).userId === id.userId).length;
    };
    return { kept: kept.has(task), forSpace: forSpace.has(task) ? tasks.time(task) : NEVER, newer };
  }

  /** Empty directories that last changed before this are removed, epoch seconds: also those of younger purged tasks. */
  get sweepBefore(): number {
    const { now, member } = this.limits;
    const [newestForSpace] = this.ranking?.forSpace ?? [];
    const newest = newestForSpace === undefined ? NEVER : this.ranking!.tasks.time(newestForSpace);
    return Math.max(member, Math.min(now - FRESH_S, Math.max(latestLimit(this.limits), newest)));
  }
}

/** Tasks by number, as the ranking sees them. */
export interface RankedTasks {
  userId(i: number): string;
  isExpired(i: number): boolean;
  mayMakeRoom(i: number): boolean;
}

interface Ranking extends ReturnType<typeof rank> {
  readonly tasks: AllTasks;
  /** Finished tasks, the newest first. */
  readonly order: readonly number[];
}

/** The outcome of `keep_last` and `max_bytes`, which purges oldest first. @param sizes what each purge frees, if all older ones went */
export function rank(
  newestFirst: readonly number[],
  tasks: RankedTasks,
  sizes: ReadonlyMap<number, number>,
  { keepLast, maxBytes }: RetentionPolicy,
) {
  const bytesOf = (i: number) => sizes.get(i) ?? 0;
  const kept = new Set<number>(); // by `keep_last`
  const ofUser = new Map<string, number>();
  // The size of the artifacts of all finished tasks, and of those that are kept; how many expired tasks `keep_last` keeps.
  let [bytes, leftBytes, keptExpired] = [0, 0, 0];
  for (const i of newestFirst) {
    const user = tasks.userId(i);
    const newer = ofUser.get(user) ?? 0;
    ofUser.set(user, newer + 1);
    bytes += bytesOf(i);
    const isExpired = tasks.isExpired(i);
    if (newer < keepLast) kept.add(i);
    if (newer < keepLast && isExpired) keptExpired++;
    if (newer < keepLast || !isExpired) leftBytes += bytesOf(i);
  }
  const forSpace: number[] = []; // purged before their retention, for `max_bytes`
  for (let place = newestFirst.length - 1; place >= 0 && maxBytes > 0 && leftBytes > maxBytes; place--) {
    const i = newestFirst[place]!;
    if (kept.has(i) || tasks.isExpired(i) || !tasks.mayMakeRoom(i) || bytesOf(i) === 0) continue;
    forSpace.push(i);
    leftBytes -= bytesOf(i);
  }
  return { kept, forSpace: new Set(forSpace.reverse()), bytes, leftBytes, keptExpired };
}

/** A copy in Redis that could not be read: its task counts as unfinished. */
const UNREAD: Version = { status: "other", time: Number.NaN };

/** Every task of both stores. Those of the file are numbered as their keys there; Redis-only tasks come after. */
class AllTasks implements RankedTasks {
  readonly #others = new KeyTable();
  /** The copies in Redis whose time in the index isn't the file's. */
  readonly #inRedis = new Map<number, Version>();

  private constructor(
    readonly snapshot: Snapshot,
    private readonly limits: Limits,
  ) {}

  /** @param mirror null: only the file is read */
  static async read(snapshot: Snapshot, mirror: Mirror | null, limits: Limits): Promise<AllTasks> {
    const tasks = new AllTasks(snapshot, limits);
    if (mirror === null) return tasks;
    for await (const members of indexMembers(mirror)) {
      const others = members.filter(({ userId, taskId, score }) => {
        const row = snapshot.rowOf(userId, taskId);
        return row < 0 || snapshot.rows.score(row) !== score;
      });
      const copies = await mirror.copies(others, "state");
      others.forEach(({ userId, taskId }, i) => {
        const answer = copies[i]!;
        const copy = answer instanceof TtsctlError ? UNREAD : mirrorCopy(answer, mirror);
        if (copy === null || copy === "dangling") return; // a member without a hash isn't a copy
        const key = snapshot.rows.keys.find(userId, taskId);
        tasks.#inRedis.set(key >= 0 ? key : tasks.#fileKeys + tasks.#others.addId(userId, taskId), copy);
      });
    }
    return tasks;
  }

  get #fileKeys(): number {
    return this.snapshot.rows.keys.size;
  }

  get #size(): number {
    return this.#fileKeys + this.#others.size;
  }

  /** The number of a task; -1 if neither store has it. */
  indexOf({ userId, taskId }: TaskId): number {
    const key = this.snapshot.rows.keys.find(userId, taskId);
    const other = key >= 0 ? -1 : this.#others.find(userId, taskId);
    return other < 0 ? key : this.#fileKeys + other;
  }

  id(i: number): TaskId {
    return i < this.#fileKeys ? this.snapshot.rows.keys.id(i) : this.#others.id(i - this.#fileKeys);
  }

  userId(i: number): string {
    return this.id(i).userId;
  }

  isExpired(i: number): boolean {
    return this.#everyCopy(i, (copy) => isExpired(copy, this.limits));
  }

  mayMakeRoom(i: number): boolean {
    return this.#everyCopy(i, (copy) => mayMakeRoom(copy, this.limits));
  }

  /** The last change of the newest copy. */
  time(i: number): number {
    return Math.max(...existing(this.#copies(i)).map(({ time }) => time));
  }

  /** The finished tasks, as docs/contract.md, Reading orders them. */
  newestFirst(): number[] {
    const times = Array.from({ length: this.#size }, (_, i) => this.time(i));
    const order = [...times.keys()].filter((i) => this.#isRanked(i));
    return order.sort((a, b) => times[b]! - times[a]! || this.#compareMembers(a, b));
  }

  /** The other tasks: not finished, or with an invalid record. */
  *unranked(): Generator<number> {
    for (let i = 0; i < this.#size; i++) {
      const copies = this.#copies(i);
      if ((copies.file !== null || copies.mirror !== null) && !this.#isRanked(i)) yield i;
    }
  }

  #isRanked(i: number): boolean {
    return this.#everyCopy(i, (copy) => isFinished(copy) && !Number.isNaN(copy.time));
  }

  #copies(i: number): Copies {
    const file = i < this.#fileKeys ? fileCopyOf(this.snapshot.rows, i) : null;
    return { file, mirror: this.#inRedis.get(i) ?? null };
  }

  #everyCopy(i: number, holds: (copy: Version) => boolean): boolean {
    const copies = this.#copies(i);
    const present = existing(copies);
    return copies.file !== "invalid" && present.length > 0 && present.every(holds);
  }

  /** Bytewise descending. */
  #compareMembers(a: number, b: number): number {
    if (a < this.#fileKeys && b < this.#fileKeys) return this.snapshot.rows.keys.compare(b, a);
    const { rules } = this.snapshot;
    const [ours, theirs] = [a, b].map((i) => this.id(i)).map(({ userId, taskId }) => rules.member(userId, taskId));
    return Buffer.compare(Buffer.from(theirs!), Buffer.from(ours!));
  }
}

/**
 * How many bytes on the disk the purge of each finished task frees, once all older ones are purged. A shared log, folder or
 * file with several hard links counts for the newest of its tasks; a log or folder that an unfinished task shares, for none.
 */
async function freedBy(
  { artifacts, reporter }: Parts<"artifacts" | "reporter">,
  tasks: AllTasks,
  newestFirst: readonly number[],
): Promise<Map<number, number>> {
  const { rules, invalid } = tasks.snapshot;
  const names = new FolderNames(rules);
  const addOwner = (task: number, owner: number) => {
    const id = tasks.id(task);
    names.add(id, owner);
    names.addLog(id.taskId, owner);
  };
  for (const task of newestFirst.toReversed()) addOwner(task, task);
  for (const task of tasks.unranked()) addOwner(task, NOBODY);
  for (const taskId of invalid.ownerless) names.addLog(taskId, NOBODY);
  const isNewer = (a: number, b: number) => a >= 0 && (b < 0 || tasks.time(a) > tasks.time(b));
  const { audio, logs, unread } = await diskUse(artifacts, names, isNewer);
  for (const reason of unread) reporter.warn(`not counted for max_bytes: ${reason}`);
  const freed = new Map(audio);
  for (const [owner, bytes] of logs) freed.set(owner, (freed.get(owner) ?? 0) + bytes);
  return freed;
}

export interface PrepareOptions extends RetentionPolicy {
  /** Accept an empty store file beside a Redis with tasks. */
  readonly allowEmpty: boolean;
}
