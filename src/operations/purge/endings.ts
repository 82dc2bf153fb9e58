import { STATUS_CODES } from "../../store/file/rows.ts";
import { Column } from "../../store/key-table.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { Copy } from "./copies.ts";
import { REASONS, type Reason } from "./decide.ts";

/** A task whose artifacts and mirror are gone, and whose record goes with the rewrite that ends the pass. */
export interface Ending {
  /** Its row in the snapshot that the pass began with, or its ids where it came into the file later. */
  readonly task: number | TaskId;
  /** The file's copy that was decided on. */
  readonly file: Copy;
  readonly reason: Reason;
  readonly redis: boolean;
  readonly files: number;
  readonly bytes: number;
}

/** The endings of a pass as columns of numbers, since a pass may have a million of them. */
export class Endings {
  readonly #late = new Map<number, TaskId>();
  readonly #rows = new Column(new Int32Array(1 << 8));
  readonly #statuses = new Column(new Uint8Array(1 << 8));
  readonly #scores = new Column(new Float64Array(1 << 8));
  readonly #reasons = new Column(new Uint8Array(1 << 8));
  readonly #redis = new Column(new Uint8Array(1 << 8));
  readonly #files = new Column(new Uint32Array(1 << 8));
  readonly #bytes = new Column(new Float64Array(1 << 8));
  size = 0;

  add({ task, file, reason, redis, files, bytes }: Ending): void {
    const i = this.size++;
    if (typeof task !== "number") this.#late.set(i, task);
    else this.#rows.set(i, task);
    this.#statuses.set(i, STATUS_CODES.indexOf(file.status as (typeof STATUS_CODES)[number]));
    this.#scores.set(i, file.score);
    this.#reasons.set(i, REASONS.indexOf(reason));
    this.#redis.set(i, redis ? 1 : 0);
    this.#files.set(i, files);
    this.#bytes.set(i, bytes);
  }

  at(i: number): Ending {
    return {
      task: this.#late.get(i) ?? this.#rows.at(i),
      file: { status: STATUS_CODES[this.#statuses.at(i)]!, score: this.#scores.at(i) },
      reason: REASONS[this.#reasons.at(i)]!,
      redis: this.#redis.at(i) === 1,
      files: this.#files.at(i),
      bytes: this.#bytes.at(i),
    };
  }
}
