import { type Rows, STATUS_CODES } from "../../store/file/rows.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { type RedisCopy, stateOf } from "../../store/layout/copy.ts";
import type { CopyReading } from "../../store/layout/layout.ts";
import type { TaskId } from "../../store/task-source.ts";
import { shownStatus } from "../../task/status.ts";

/** One store's copy of a task, as far as a purge asks. */
export interface Copy {
  /** Shown word, or `other`. */
  readonly status: string;
  /** Epoch seconds; NaN where its time cannot be read. */
  readonly score: number;
}

/** Both stores' copies of one task. */
export interface Copies {
  /** `invalid`: the file holds a record with these ids that is not valid. */
  readonly file: Copy | "invalid" | null;
  /** `dangling`: an index member without a hash. Null also where Redis was not asked. */
  readonly mirror: Copy | "dangling" | null;
}

export function fileCopy({ rows }: Snapshot, { userId, taskId }: TaskId): Copies["file"] {
  const key = rows.keys.find(userId, taskId);
  return key < 0 ? null : fileCopyOf(rows, key);
}

export function fileCopyOf(rows: Rows, key: number): Copies["file"] {
  if (rows.hasInvalid(key)) return "invalid";
  const row = rows.liveRow(key);
  return row < 0 ? null : { status: STATUS_CODES[rows.status(row)]!, score: rows.score(row) };
}

export function mirrorCopy(copy: RedisCopy, mirror: CopyReading): Copies["mirror"] {
  if (copy.type === "hash") {
    const { status, time } = stateOf(copy, mirror);
    return { status: shownStatus(status) ?? "other", score: time };
  }
  return copy.indexScore === null ? null : "dangling";
}

/** Whether a file copy is as it was when it was decided on. */
export function sameFileCopy(a: Copies["file"], b: Copies["file"]): boolean {
  if (a === null || b === null || a === "invalid" || b === "invalid") return a === b;
  return a.status === b.status && a.score === b.score;
}
