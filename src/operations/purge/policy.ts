import type { Version } from "../../task/version.ts";
import { asCopy, type Copies } from "./copies.ts";

/** `[cleanup]` for finished tasks. Durations are seconds. */
export interface RetentionPolicy {
  /** Zero or negative: cleanup is off. */
  readonly retention: number;
  /** Overrides `retention` for tasks of this status. Null: as `retention`; zero or negative: they never expire. */
  readonly retentionDone: number | null;
  readonly retentionError: number | null;
  /** How many finished tasks of each user are kept at any age, the newest. */
  readonly keepLast: number;
  /** The most that the artifacts of finished tasks may take; zero: no limit. */
  readonly maxBytes: number;
}

type PolicySettings = { readonly [Name in keyof RetentionPolicy]: { readonly value: RetentionPolicy[Name] } };

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

/** The times that one pass compares copies with, epoch seconds. */
export interface Limits {
  readonly now: number;
  /** A task of that status has expired if it last changed at or before this; -Infinity: it never expires. */
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

/** The shortest retention in force, seconds. */
export function shortestRetention({ retention, retentionDone, retentionError }: RetentionPolicy): number {
  return Math.min(...[retention, retentionDone ?? retention, retentionError ?? retention].filter((age) => age > 0));
}

export function latestLimit({ done, error, member }: Limits): number {
  return Math.max(done, error, member);
}

export function isFinished({ status }: Version): boolean {
  return status === "done" || status === "error";
}

/** A copy with an unreadable time is never expired. */
export function isExpired(copy: Version, limits: Limits): boolean {
  return isFinished(copy) && copy.time <= limitFor(copy, limits);
}

export function limitFor({ status }: Version, limits: Limits): number {
  return status === "done" ? limits.done : status === "error" ? limits.error : Number.NEGATIVE_INFINITY;
}

/** Whether a copy may be purged before its retention: finished, of a status that expires, not from after `now`. */
export function mayMakeRoom(copy: Version, limits: Limits): boolean {
  return isFinished(copy) && limitFor(copy, limits) !== Number.NEGATIVE_INFINITY && copy.time <= limits.now;
}

export function existing({ file, mirror }: Copies): Version[] {
  return [asCopy(file), asCopy(mirror)].filter((copy) => copy !== null);
}

/** The traits of a task for `keep_last` and `max_bytes`; each holds for all its copies. */
export interface Traits {
  readonly finished: boolean;
  readonly expired: boolean;
  readonly mayMakeRoom: boolean;
  /** The last change of the newest copy, epoch seconds. */
  readonly time: number;
}

/** Undefined if the task is missing, or has an invalid record. */
export function traitsOf(copies: Copies, limits: Limits): Traits | undefined {
  const present = existing(copies);
  if (copies.file === "invalid" || present.length === 0) return undefined;
  return {
    finished: present.every((copy) => isFinished(copy) && !Number.isNaN(copy.time)),
    expired: present.every((copy) => isExpired(copy, limits)),
    mayMakeRoom: present.every((copy) => mayMakeRoom(copy, limits)),
    time: Math.max(...present.map(({ time }) => time)),
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

/** The outcome of `keep_last` and `max_bytes`. */
export interface Plan {
  /** By task: 1 if `keep_last` keeps it. */
  readonly kept: Uint8Array;
  /** By task: 1 if it is purged before its retention, for `max_bytes`. */
  readonly forSpace: Uint8Array;
  /** The size of the artifacts of all finished tasks, and of those that are kept. */
  readonly bytes: number;
  readonly leftBytes: number;
  /** How many expired tasks `keep_last` keeps. */
  readonly keptExpired: number;
}

/**
 * If the artifacts of kept tasks would take more than `max_bytes`, tasks with artifacts are purged, oldest first.
 * @param newestFirst the finished tasks
 * @param sizes of the artifacts of each task that no newer task shares; null: not measured
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
