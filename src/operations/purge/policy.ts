import { asCopy, type Copies, type Copy } from "./copies.ts";

/** What `[cleanup]` says of finished tasks. Durations are seconds. */
export interface RetentionPolicy {
  /** More than zero: where it is not, cleanup is off. */
  readonly retention: number;
  /** In place of `retention` for tasks of this status. Null: as `retention`; zero or negative: they never go. */
  readonly retentionDone: number | null;
  readonly retentionError: number | null;
  /** So many finished tasks of each user stay, the newest, whatever their age. */
  readonly keepLast: number;
  /** What the artifacts of finished tasks may take; zero: as much as they like. */
  readonly maxBytes: number;
}

/** A policy as settings hold it: each part with where it came from. */
type PolicySettings = { readonly [Name in keyof RetentionPolicy]: { readonly value: RetentionPolicy[Name] } };

/** What the settings say of finished tasks. */
export function policyOf(settings: PolicySettings): RetentionPolicy {
  const { retention, retentionDone, retentionError, keepLast, maxBytes } = settings;
  return {
    retention: retention.value,
    retentionDone: retentionDone.value,
    retentionError: retentionError.value,
    keepLast: keepLast.value,
    maxBytes: maxBytes.value,
  };
}

/** The times of one pass that copies are compared with, epoch seconds. */
export interface Limits {
  readonly now: number;
  /** The last change at or before which a task of that status has expired; -Infinity: it never goes. */
  readonly done: number;
  readonly error: number;
  /** The same for an index member without a task: `now` less `retention`. */
  readonly member: number;
}

export function limitsOf({ retention, retentionDone, retentionError }: RetentionPolicy, now: number): Limits {
  const limit = (age: number) => (age > 0 ? now - age : Number.NEGATIVE_INFINITY);
  return {
    now,
    done: limit(retentionDone ?? retention),
    error: limit(retentionError ?? retention),
    member: now - retention,
  };
}

/** The shortest retention by which something goes, seconds. */
export function shortestRetention({ retention, retentionDone, retentionError }: RetentionPolicy): number {
  return Math.min(...[retention, retentionDone ?? retention, retentionError ?? retention].filter((age) => age > 0));
}

/** The latest time that any of the limits lets go. */
export function latestLimit({ done, error, member }: Limits): number {
  return Math.max(done, error, member);
}

export function isFinished({ status }: Copy): boolean {
  return status === "done" || status === "error";
}

/** A finished task that was last changed at or before the limit of its status. An unreadable time never is. */
export function isExpired(copy: Copy, limits: Limits): boolean {
  return isFinished(copy) && copy.score <= limitFor(copy, limits);
}

export function limitFor({ status }: Copy, limits: Limits): number {
  return status === "done" ? limits.done : status === "error" ? limits.error : Number.NEGATIVE_INFINITY;
}

/** Whether a copy may go before its retention, to make room: finished, of a status that ever goes, not from after `now`. */
export function mayMakeRoom(copy: Copy, limits: Limits): boolean {
  return isFinished(copy) && limitFor(copy, limits) !== Number.NEGATIVE_INFINITY && copy.score <= limits.now;
}

/** Those of both copies that are tasks. */
export function existing({ file, mirror }: Copies): Copy[] {
  return [asCopy(file), asCopy(mirror)].filter((copy) => copy !== null);
}

/** What the rules that look at more than one task ask of each; what holds for a task holds for every copy of it. */
export interface Traits {
  readonly finished: boolean;
  readonly expired: boolean;
  readonly mayMakeRoom: boolean;
  /** When it was last changed: the newest of its copies, epoch seconds. */
  readonly time: number;
}

/** Undefined for what is no task, or one that an invalid record stands for. */
export function traitsOf(copies: Copies, limits: Limits): Traits | undefined {
  const present = existing(copies);
  if (copies.file === "invalid" || present.length === 0) return undefined;
  return {
    finished: present.every((copy) => isFinished(copy) && !Number.isNaN(copy.score)),
    expired: present.every((copy) => isExpired(copy, limits)),
    mayMakeRoom: present.every((copy) => mayMakeRoom(copy, limits)),
    time: Math.max(...present.map(({ score }) => score)),
  };
}

/** Tasks by number. */
export interface RankedTasks {
  readonly size: number;
  /** The number of the task's user. */
  user(i: number): number;
  isExpired(i: number): boolean;
  mayMakeRoom(i: number): boolean;
}

/** What the rules that look at more than one task say. */
export interface Plan {
  /** By task: 1 where `keep_last` keeps it. */
  readonly kept: Uint8Array;
  /** By task: 1 where it goes before its retention, for `max_bytes`. */
  readonly forSpace: Uint8Array;
  /** What the artifacts of all finished tasks take, and of those that stay. */
  readonly bytes: number;
  readonly leftBytes: number;
  /** How many expired tasks `keep_last` keeps. */
  readonly keptExpired: number;
}

/**
 * What `keep_last` keeps and what is purged for `max_bytes`: if the artifacts of kept tasks would take more, tasks with
 * artifacts are purged, oldest first, and no more of them than needed.
 * @param newestFirst the finished tasks
 * @param sizes what the artifacts of each task take, as far as no newer task shares them; null: not measured
 */
export function planTasks(
  newestFirst: Int32Array,
  tasks: RankedTasks,
  sizes: Float64Array | null,
  { keepLast, maxBytes }: RetentionPolicy,
): Plan {
  const bytesOf = (i: number) => sizes?.[i] ?? 0;
  const [kept, forSpace] = [new Uint8Array(tasks.size), new Uint8Array(tasks.size)];
  const ofUser = new Map<number, number>();
  let [bytes, leftBytes, keptExpired] = [0, 0, 0];
  for (const i of newestFirst) {
    const user = tasks.user(i);
    const newer = ofUser.get(user) ?? 0;
    ofUser.set(user, newer + 1);
    if (newer < keepLast) kept[i] = 1;
    if (newer < keepLast && tasks.isExpired(i)) keptExpired++;
    bytes += bytesOf(i);
    if (newer < keepLast || !tasks.isExpired(i)) leftBytes += bytesOf(i);
  }
  for (const i of newestFirst.toReversed()) {
    if (maxBytes <= 0 || leftBytes <= maxBytes) break;
    if (kept[i] === 1 || tasks.isExpired(i) || !tasks.mayMakeRoom(i) || bytesOf(i) === 0) continue;
    forSpace[i] = 1;
    leftBytes -= bytesOf(i);
  }
  return { kept, forSpace, bytes, leftBytes, keptExpired };
}
