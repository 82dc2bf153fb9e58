import { STATUS_CODES } from "../../store/file/rows.ts";
import { grown } from "../../store/key-table.ts";
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
  #rows = new Int32Array(1 << 8);
  #statuses = new Uint8Array(1 << 8);
  #scores = new Float64Array(1 << 8);
  #reasons = new Uint8Array(1 << 8);
  #redis = new Uint8Array(1 << 8);
  #files = new Uint32Array(1 << 8);
  #bytes = new Float64Array(1 << 8);
  size = 0;

  add({ task, file, reason, redis, files, bytes }: Ending): void {
    if (this.size === this.#rows.length) this.#grow();
    const i = this.size++;
    if (typeof task !== "number") this.#late.set(i, task);
    else this.#rows[i] = task;
    this.#statuses[i] = STATUS_CODES.indexOf(file.status as (typeof STATUS_CODES)[number]);
    this.#scores[i] = file.score;
    this.#reasons[i] = REASONS.indexOf(reason);
    this.#redis[i] = redis ? 1 : 0;
    this.#files[i] = files;
    this.#bytes[i] = bytes;
  }

  at(i: number): Ending {
    return {
      task: this.#late.get(i) ?? this.#rows[i]!,
      file: { status: STATUS_CODES[this.#statuses[i]!]!, score: this.#scores[i]! },
      reason: REASONS[this.#reasons[i]!]!,
      redis: this.#redis[i] === 1,
      files: this.#files[i]!,
      bytes: this.#bytes[i]!,
    };
  }

  #grow(): void {
    this.#rows = grown(this.#rows);
    this.#statuses = grown(this.#statuses);
    this.#scores = grown(this.#scores);
    this.#reasons = grown(this.#reasons);
    this.#redis = grown(this.#redis);
    this.#files = grown(this.#files);
    this.#bytes = grown(this.#bytes);
  }
}
