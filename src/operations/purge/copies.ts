import { TtsctlError } from "../../errors.ts";
import { type Rows, STATUS_CODES } from "../../store/file/rows.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { Column } from "../../store/key-table.ts";
import { type RedisCopy, stateOf } from "../../store/layout/copy.ts";
import type { CopyReading } from "../../store/layout/layout.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
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

/** A copy that is a task, or null. */
export function asCopy(copy: Copies["file"] | Copies["mirror"]): Copy | null {
  return typeof copy === "object" ? copy : null;
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

/** Whether a store's copy is as it was when it was decided on. */
export function sameCopy<C extends Copies["file"] | Copies["mirror"]>(a: C, b: C): boolean {
  if (a === null || b === null || typeof a === "string" || typeof b === "string") return a === b;
  return a.status === b.status && Object.is(a.score, b.score);
}

/** The copies of at most BATCH tasks that Redis has and that can be read; null for no such copy. */
export async function copiesIn(mirror: Mirror, ids: readonly TaskId[]): Promise<(Copy | null)[]> {
  return (await mirror.copies(ids, "state")).map((found) => {
    return found instanceof TtsctlError ? null : asCopy(mirrorCopy(found, mirror));
  });
}

/** Copies in Redis as columns of numbers: there may be a million. */
export class CopyColumn {
  readonly #kinds = new Column(new Uint8Array(1 << 8));
  readonly #scores = new Column(new Float64Array(1 << 8));

  set(i: number, copy: Copies["mirror"]): void {
    const kind = asCopy(copy)?.status ?? copy;
    this.#kinds.set(i, KINDS.indexOf(kind as (typeof KINDS)[number]));
    this.#scores.set(i, asCopy(copy)?.score ?? 0);
  }

  at(i: number): Copies["mirror"] {
    const kind = KINDS[this.#kinds.at(i)]!;
    return kind === null || kind === "dangling" ? kind : { status: kind, score: this.#scores.at(i) };
  }
}

const KINDS = [null, "dangling", ...STATUS_CODES] as const;
