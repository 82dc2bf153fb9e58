import { STATUS_CODES } from "../../store/file/rows.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { Copies, Copy } from "../purge/copies.ts";

const [NO_COPY, DANGLING] = [-1, -2];

/** The tasks of the file that are to be marked, as columns: there may be a million. An entry is a number from 0 on. */
export class Marks {
  readonly base: Snapshot;
  readonly #rows: number[] = [];
  readonly #mirrorStatuses: number[] = [];
  readonly #mirrorScores: number[] = [];
  readonly #scores: number[] = [];

  /** @param base what was decided on; the caller keeps it open */
  constructor(base: Snapshot) {
    this.base = base;
  }

  get size(): number {
    return this.#rows.length;
  }

  /** @param score the time that the marked record has */
  add(row: number, mirror: Copies["mirror"], score: number): void {
    this.#rows.push(row);
    this.#mirrorStatuses.push(mirror === null ? NO_COPY : mirror === "dangling" ? DANGLING : statusCode(mirror));
    this.#mirrorScores.push(mirror !== null && typeof mirror === "object" ? mirror.score : Number.NaN);
    this.#scores.push(score);
  }

  row(entry: number): number {
    return this.#rows[entry]!;
  }

  id(entry: number): TaskId {
    const { rows } = this.base;
    const key = rows.key(this.row(entry));
    return { userId: rows.keys.userId(key), taskId: rows.keys.taskId(key) };
  }

  /** The shown word that the task had. */
  from(entry: number): string {
    return STATUS_CODES[this.base.rows.status(this.row(entry))]!;
  }

  /** The time of the marked record, epoch seconds. */
  score(entry: number): number {
    return this.#scores[entry]!;
  }

  /** Whether Redis has a copy of it. */
  isInMirror(entry: number): boolean {
    return this.#mirrorStatuses[entry]! >= 0;
  }

  /** Whether a row of another content of the file has what was decided on. */
  isAsDecided(entry: number, { rows }: Snapshot, row: number): boolean {
    const own = this.row(entry);
    return rows.status(row) === this.base.rows.status(own) && rows.score(row) === this.base.rows.score(own);
  }

  /** Whether Redis's copy is what was decided on. */
  isMirrorAsDecided(entry: number, copy: Copies["mirror"]): boolean {
    const status = this.#mirrorStatuses[entry]!;
    if (copy === null || copy === "dangling") return status === (copy === null ? NO_COPY : DANGLING);
    return status === statusCode(copy) && Object.is(this.#mirrorScores[entry], copy.score);
  }
}

function statusCode({ status }: Copy): number {
  return STATUS_CODES.indexOf(status as (typeof STATUS_CODES)[number]);
}
