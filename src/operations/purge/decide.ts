import type { RedisCopy } from "../../store/layout/copy.ts";
import type { TaskId } from "../../store/task-source.ts";
import { statusPasses, type TaskFilter, timePasses } from "../../task/query-fields.ts";
import { MAY_BE_WORKED_ON } from "../../task/status.ts";
import { newer, type Version } from "../../task/version.ts";
import { asCopy, type Copies } from "./copies.ts";
import { existing, isExpired, isFinished, type Limits, mayMakeRoom } from "./policy.ts";

/** The rules by which a task is purged: `reason=` in its `[CLEANUP]` line. */
export const REASONS = ["expired", "max-bytes", "dangling", "deleted"] as const;
export type Reason = (typeof REASONS)[number];

/** `candidate`: at least one copy would be purged by itself. `gone`: the task is in neither store. */
export type Decision =
  | { readonly kind: "purge"; readonly reason: Reason }
  | { readonly kind: "keep"; readonly reason: string; readonly candidate: boolean }
  | { readonly kind: "gone" };

/** The outcome of `keep_last` and `max_bytes` for one task. */
export interface Standing {
  /** `keep_last` keeps it. */
  readonly kept: boolean;
  /** It is purged for `max_bytes` unless it changed after this time, epoch seconds; -Infinity: it is kept. */
  readonly forSpace: number;
}

export const NO_STANDING: Standing = { kept: false, forSpace: Number.NEGATIVE_INFINITY };

const GONE: Decision = { kind: "gone" };

function keep(reason: string, candidate = true): Decision {
  return { kind: "keep", reason, candidate };
}

/**
 * The second look of docs/contract.md, Cleanup: a task is purged if all its copies are finished and expired, or may make
 * room. A task that `keep_last` keeps is not a candidate.
 */
export function decideCleanup(copies: Copies, limits: Limits, { kept, forSpace }: Standing = NO_STANDING): Decision {
  const present = existing(copies);
  const expired = present.filter((copy) => isExpired(copy, limits));
  const planned = forSpace !== Number.NEGATIVE_INFINITY;
  const candidate = expired.length > 0 || copies.mirror === "dangling" || planned;
  if (copies.file === "invalid") return keep(INVALID, candidate);
  if (present.length === 0) return copies.mirror === "dangling" ? { kind: "purge", reason: "dangling" } : GONE;
  if (kept && present.every(isFinished)) return keep(KEPT_LAST, false);
  if (expired.length === present.length) return { kind: "purge", reason: "expired" };
  const makesRoom = present.every((copy) => mayMakeRoom(copy, limits) && copy.time <= forSpace);
  if (makesRoom) return { kind: "purge", reason: "max-bytes" };
  return keep(planned ? CHANGED : OTHER_COPY, candidate);
}

/**
 * docs/contract.md, Commands: a chosen task is deleted, unless it may still be worked on. The newest copy decides whether
 * it was chosen.
 */
export function decideDelete(copies: Copies, filter: TaskFilter, force: boolean): Decision {
  const present = existing(copies);
  if (copies.file === "invalid") return keep(INVALID);
  if (present.length === 0) return copies.mirror === "dangling" ? { kind: "purge", reason: "dangling" } : GONE;
  // A copy without a time may be the newer one.
  const newest = present.find(({ time }) => Number.isNaN(time)) ?? newestCopy(copies);
  if (newest !== null && !copyPasses(newest, filter)) return keep(notChosen(copies, newest));
  const working = force ? undefined : present.find(({ status }) => status === "wait" || status === "run");
  if (working === undefined) return { kind: "purge", reason: "deleted" };
  return keep(`its status is ${working.status}, ${MAY_BE_WORKED_ON}`);
}

/** The caller has checked the user. */
export function copyPasses({ status, time }: Version, filter: TaskFilter): boolean {
  return statusPasses(status, filter) && timePasses(time, filter);
}

/** The copy that counts. */
export function newestCopy(copies: Copies): Version | null {
  return isAhead({ copies }) ? asCopy(copies.mirror) : (asCopy(copies.file) ?? asCopy(copies.mirror));
}

/** Why the copy that counts doesn't pass the filter: also at an equal time, or with a score in the index that isn't its time. */
export function notChosen({ file, mirror }: Copies, newest: Version): string {
  const alone = asCopy(file) === null || asCopy(mirror) === null;
  if (alone) return `its only copy, which is ${newest.status}, doesn't match the selection`;
  return `its copies differ, and the one that counts, in ${newest === file ? "the file" : "Redis"}, is ${newest.status}`;
}

const INVALID = "the file holds an invalid record of it, which is left alone";
const KEPT_LAST = "it is among the newest finished tasks of its user, which keep_last keeps";
const OTHER_COPY = "a copy of it isn't finished, or isn't expired";
const CHANGED = "it changed after it was chosen to free space";

/** A task with both copies, and the one in Redis as it was read. */
export interface Looked {
  readonly id: TaskId;
  readonly copies: Copies;
  readonly redis: RedisCopy | null;
}

export interface Chosen extends Looked {
  readonly reason: Reason;
}

export interface Freed {
  files: number;
  bytes: number;
}

export interface Removed extends Chosen, Readonly<Freed> {}

/** Whether Redis has a newer copy than the file. */
export function isAhead({ copies: { file, mirror } }: Pick<Looked, "copies">): boolean {
  const [ours, theirs] = [asCopy(file), asCopy(mirror)];
  return ours !== null && theirs !== null && newer(theirs.time, ours.time);
}
