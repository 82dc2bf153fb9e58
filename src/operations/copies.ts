import { TtsctlError } from "../errors.ts";
import { type Rows, STATUS_CODES } from "../store/file/rows.ts";
import type { Snapshot } from "../store/file/snapshot.ts";
import { type CopyView, type RedisCopy, stateOf } from "../store/layout/copy.ts";
import type { CopyReading } from "../store/layout/layout.ts";
import type { Mirror } from "../store/redis/mirror.ts";
import { recordOf } from "../store/redis/records.ts";
import type { TaskId } from "../task/ids.ts";
import { mayPass, NO_FILTER, needsRecord, recordPasses, type TaskFilter } from "../task/query-fields.ts";
import { shownStatus } from "../task/status.ts";
import type { Task } from "../task/task.ts";
import { newer, type Version } from "../task/version.ts";

/** A version, with its status as shown, or `other`; with its record if a filter needs it and it can be read. */
interface Copy extends Version {
  readonly record?: Task | null | undefined;
}

/** The copies of a task. */
export interface Copies {
  /** `invalid`: the file has an invalid record with these ids. */
  readonly file: Copy | "invalid" | null;
  /** `dangling`: an index member without a hash. Null also if Redis was not asked. */
  readonly mirror: Copy | "dangling" | null;
}

/** A task with both copies, and the one in Redis as it was read. */
export interface Looked {
  readonly id: TaskId;
  readonly copies: Copies;
  readonly redis: RedisCopy | null;
}

export function asCopy(copy: Copies["file"] | Copies["mirror"]): Copy | null {
  return typeof copy === "object" ? copy : null;
}

export function existing({ file, mirror }: Copies): Copy[] {
  return [asCopy(file), asCopy(mirror)].filter((copy) => copy !== null);
}

/** The file's copies of tasks. */
export async function fileCopies(snapshot: Snapshot, ids: readonly TaskId[], filter: TaskFilter) {
  const records = needsRecord(filter) ? await snapshot.recordsOf(ids) : [];
  return ids.map((id, i) => {
    const copy = fileCopy(snapshot, id);
    return records[i] == null || asCopy(copy) === null ? copy : { ...asCopy(copy)!, record: records[i] };
  });
}

export function fileCopy({ rows }: Snapshot, { userId, taskId }: TaskId): Copies["file"] {
  const key = rows.keys.find(userId, taskId);
  return key < 0 ? null : fileCopyOf(rows, key);
}

export function fileCopyOf(rows: Rows, key: number): Copies["file"] {
  if (rows.hasInvalid(key)) return "invalid";
  const row = rows.liveRow(key);
  return row < 0 ? null : { status: STATUS_CODES[rows.status(row)]!, time: rows.score(row) };
}

/** What is read of the copies in Redis for `mirrorCopy` with a filter. */
export function viewFor(filter: TaskFilter): CopyView {
  return needsRecord(filter) ? "full" : "state";
}

export function mirrorCopy(copy: RedisCopy, mirror: CopyReading, filter = NO_FILTER, id?: TaskId): Copies["mirror"] {
  if (copy.type === "hash") {
    const { status, time } = stateOf(copy, mirror);
    const state = { status: shownStatus(status) ?? "other", time };
    return needsRecord(filter) ? { ...state, record: recordOf(copy, id!, mirror) } : state;
  }
  return copy.indexScore === null ? null : "dangling";
}

export function sameCopy<C extends Copies["file"] | Copies["mirror"]>(a: C, b: C): boolean {
  if (a === null || b === null || typeof a === "string" || typeof b === "string") return a === b;
  return a.status === b.status && Object.is(a.time, b.time);
}

/** The copies in Redis of at most BATCH tasks; null for none, or if it can't be read. */
export async function copiesIn(mirror: Mirror, ids: readonly TaskId[], filter = NO_FILTER): Promise<(Copy | null)[]> {
  return (await mirror.copies(ids, viewFor(filter))).map((found, i) => {
    return found instanceof TtsctlError ? null : asCopy(mirrorCopy(found, mirror, filter, ids[i]!));
  });
}

/** Whether Redis has a newer copy than the file. */
export function isAhead({ copies: { file, mirror } }: Pick<Looked, "copies">): boolean {
  const [ours, theirs] = [asCopy(file), asCopy(mirror)];
  return ours !== null && theirs !== null && newer(theirs.time, ours.time);
}

/** The copy that counts. */
export function newestCopy(copies: Copies): Copy | null {
  return isAhead({ copies }) ? asCopy(copies.mirror) : (asCopy(copies.file) ?? asCopy(copies.mirror));
}

/** The caller has checked the user. A record that can't be read doesn't pass a filter that needs it. */
export function copyPasses({ status, time: score, record }: Copy, filter: TaskFilter): boolean {
  if (!mayPass({ status, score }, filter)) return false;
  return !needsRecord(filter) || (record != null && recordPasses(record, filter));
}

/** Why the copy that counts doesn't pass the filter: also at an equal time, or with a score in the index that isn't its time. */
export function notChosen({ file, mirror }: Copies, newest: Version): string {
  const alone = asCopy(file) === null || asCopy(mirror) === null;
  if (alone) return `its only copy, which is ${newest.status}, doesn't match the selection`;
  return `its copies differ, and the one that counts, in ${newest === file ? "the file" : "Redis"}, is ${newest.status}`;
}

export const INVALID_RECORD = "the file holds an invalid record of it, which is left alone";
