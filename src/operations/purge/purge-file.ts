import type { Snapshot } from "../../store/file/snapshot.ts";
import { NO_UPSERTS } from "../../store/file/upserts.ts";
import { Column, KeySet } from "../../store/key-table.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { Task } from "../../task/task.ts";
import type { Version } from "../../task/version.ts";
import type { Cleared } from "../preflight.ts";
import type { PurgedTask } from "../reporter.ts";
import { type Copies, CopyColumn, fileCopy, sameCopy } from "./copies.ts";
import { REASONS } from "./decide.ts";

/** The store file during a purge: its current content, and the one rewrite at the end. */
export class PurgeFile {
  /** The content at the beginning of the pass. The caller closes it. */
  readonly base: Snapshot;
  readonly #file: Cleared["file"];
  /** The tasks whose records the rewrite takes out. */
  readonly endings: Endings;
  #current: Snapshot;

  constructor(file: Cleared["file"], base: Snapshot) {
    this.#file = file;
    this.base = base;
    this.#current = base;
    this.endings = new Endings(base);
  }

  copy(id: TaskId): Copies["file"] {
    return fileCopy(this.#current, id);
  }

  async records(ids: readonly TaskId[]): Promise<Task[]> {
    return (await this.#current.recordsOf(ids)).filter((task) => task !== null);
  }

  /** Reads the file again if it changed; returns whether it did. */
  async refresh(): Promise<boolean> {
    if (await this.#file.isCurrent(this.#current)) return false;
    await this.close(); // first: `base` is open too, and a third one takes as much memory
    this.#current = await this.#file.read();
    return true;
  }

  /** The file as it is now; valid until the next call. */
  async snapshot(): Promise<Snapshot> {
    await this.refresh();
    return this.#current;
  }

  /** Takes out the records that haven't changed. @returns changed: the others, by their place in `endings` */
  async rewrite(): Promise<{ changed: ReadonlySet<number>; returned: readonly TaskId[] }> {
    let changed = new Set<number>();
    if (this.endings.size === 0) return { changed, returned: [] };
    const { returned } = await this.#file.edit((snapshot) => {
      changed = new Set();
      const removed = new KeySet(snapshot.rows.keys.size);
      for (const [i, { userId, taskId, file }] of this.endings.entries()) {
        const now = fileCopy(snapshot, { userId, taskId });
        if (now === null) continue;
        if (sameCopy(now, file)) removed.add(snapshot.rows.keys.find(userId, taskId));
        else changed.add(i);
      }
      return { removed, upserts: NO_UPSERTS };
    }, this.#current);
    return { changed, returned };
  }

  async close(): Promise<void> {
    if (this.#current !== this.base) await this.#current.close();
    this.#current = this.base;
  }
}

/** A task of which only the record is left. */
export interface Ending extends Omit<PurgedTask, "local"> {
  /** The file's copy, as it was decided on. */
  readonly file: Version;
}

/** The endings of a pass, as columns: there may be a million. */
export class Endings {
  readonly #base: Snapshot;
  /** Tasks that `base` lacks. */
  readonly #late = new Map<number, TaskId>();
  readonly #rows = new Column(new Int32Array(1 << 8));
  readonly #copies = new CopyColumn();
  readonly #reasons = new Column(new Uint8Array(1 << 8));
  readonly #redis = new Column(new Uint8Array(1 << 8));
  readonly #files = new Column(new Uint32Array(1 << 8));
  readonly #bytes = new Column(new Float64Array(1 << 8));
  size = 0;

  constructor(base: Snapshot) {
    this.#base = base;
  }

  add({ userId, taskId, reason, redis, files, bytes }: Omit<PurgedTask, "local">, file: Version): void {
    const i = this.size++;
    const row = this.#base.rowOf(userId, taskId);
    if (row < 0) this.#late.set(i, { userId, taskId });
    else this.#rows.set(i, row);
    this.#copies.set(i, file);
    this.#reasons.set(i, REASONS.indexOf(reason));
    this.#redis.set(i, redis ? 1 : 0);
    this.#files.set(i, files);
    this.#bytes.set(i, bytes);
  }

  *entries(): Generator<[number, Ending]> {
    for (let i = 0; i < this.size; i++) yield [i, this.at(i)];
  }

  at(i: number): Ending {
    const { userId, taskId } = this.#late.get(i) ?? this.#base.idOf(this.#rows.at(i));
    return {
      userId, // not spread: that takes several times as long, and there may be a million
      taskId,
      file: this.#copies.at(i) as Version,
      reason: REASONS[this.#reasons.at(i)]!,
      redis: this.#redis.at(i) === 1,
      files: this.#files.at(i),
      bytes: this.#bytes.at(i),
    };
  }
}
