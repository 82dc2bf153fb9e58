import { keyOf } from "../task/ids.ts";
import type { Task } from "../task/task.ts";
import type { Change, ChangeOutcome, Request, Update } from "./file/batch-plan.ts";
import { type FileResult, type FileWriterParts, fileWriter, type Settled } from "./file/file-writer.ts";
import { type MirrorChange, type MirrorOutcome, MirrorWriter, type MirrorWriterParts } from "./mirror-writer.ts";
import type { TaskId } from "./task-source.ts";
import type { WriterMark } from "./writer-mark.ts";

/** The outcome of a change in each store. If the file has a newer record, the mirror is left alone too. */
export interface Written {
  readonly file: ChangeOutcome;
  /** `skipped`: an update that changed nothing. */
  readonly mirror: MirrorOutcome | "skipped";
  /** Of an update: the record that it wrote, or found. */
  readonly task?: Task | null;
  /** What the file has in the end, if another program undoes the change. Never fails. */
  readonly settled: Promise<Settled["outcome"]>;
}

type TaskWriterParts = FileWriterParts &
  Omit<MirrorWriterParts, "isBusy"> & {
    /** Set before each change of the file; null without Redis. */
    readonly mark: WriterMark | null;
  };

/** Writes of a long-lived process: to the file first, then to Redis, together if they wait. A task's changes keep their order. */
export class TaskWriter {
  readonly #file: GroupCommit<Request, FileResult>;
  readonly mirror: MirrorWriter;
  readonly #mirror: GroupCommit<MirrorChange, MirrorOutcome>;
  /** Of changes that were undone and made again. */
  readonly #renewals: GroupCommit<MirrorChange, MirrorChange>;
  /** By `keyOf`: how many changes of a task are not in both stores yet. */
  readonly #pending = new Map<string, number>();
  /** Changes that are watched. */
  readonly #settling = new Set<Promise<unknown>>();

  constructor(parts: TaskWriterParts) {
    const write = fileWriter(parts);
    this.#file = groupCommit(async (requests) => {
      await parts.mark?.set();
      return write(requests);
    });
    this.mirror = new MirrorWriter({ ...parts, isBusy: (id) => this.isPending(id) });
    this.#mirror = groupCommit((changes) => this.mirror.work(changes));
    this.#renewals = groupCommit(async (changes) => {
      await this.mirror.renew(changes);
      return changes;
    });
  }

  /**
   * Puts a task in the file, unless that has a newer record, and then in the mirror. Resolves when it is on the disk.
   * @throws TtsctlError STORE_*, LOCK_*: nothing was written to Redis, and nothing to the file as far as is known
   */
  upsert(task: Task): Promise<Written> {
    return this.#change({ id: task, task });
  }

  /** Removes all records of a task from the file, then its copy, unless that is newer. Throws as `upsert`. */
  remove(id: TaskId): Promise<Written> {
    return this.#change({ id, task: null });
  }

  /** Changes a task by its record in the file. If the task is missing, the mirror isn't changed. Throws as `upsert`. */
  async update(update: Update): Promise<Written> {
    const result = await this.#file.add(update);
    return { ...(await this.#mirrored(result)), task: result.task };
  }

  get pending(): number {
    return this.#pending.size;
  }

  isPending(id: TaskId): boolean {
    return this.#pending.has(keyOf(id));
  }

  /** Returns when all that was asked for is done. */
  async close(): Promise<void> {
    await this.#file.close();
    while (this.#settling.size > 0) await Promise.all(this.#settling);
    await this.#mirror.close();
    await this.mirror.close();
  }

  #change(change: Change): Promise<Written> {
    return this.#busy(change.id, async () => this.#mirrored(await this.#file.add(change)));
  }

  async #mirrored({ outcome, before, id, task, settled }: FileResult): Promise<Written> {
    const unchanged = { file: outcome, settled: Promise.resolve(outcome) };
    if (id === null || outcome === "unchanged") return { ...unchanged, mirror: "skipped" };
    if (outcome === "newer") return { ...unchanged, mirror: "newer" };
    const change = { id, task, before };
    const mirrored = this.#busy(id, () => this.#mirror.add(change));
    const end = Promise.all([settled, mirrored.catch(() => null)]).then(
      async ([{ outcome: last, isRepeated }, mirror]) => {
        if (isRepeated && mirror !== "off") await this.#renewals.add(change);
        return last;
      },
    );
    this.#settling.add(end);
    void end.finally(() => this.#settling.delete(end));
    return { file: outcome, mirror: await mirrored, settled: end };
  }

  /** Counts the task as pending during the work. */
  async #busy<R>(id: TaskId, work: () => Promise<R>): Promise<R> {
    const key = keyOf(id);
    this.#pending.set(key, (this.#pending.get(key) ?? 0) + 1);
    try {
      return await work();
    } finally {
      const left = this.#pending.get(key)! - 1;
      if (left > 0) this.#pending.set(key, left);
      else this.#pending.delete(key);
    }
  }
}

interface Waiting<T, R> {
  readonly item: T;
  resolve(result: R): void;
  reject(error: unknown): void;
}

type GroupCommit<T, R> = ReturnType<typeof groupCommit<T, R>>;

/**
 * Group commit: items that are added during a batch become the next one. Batches run one at a time, in order.
 * @param work returns one result for each item, in their order; its error is that of all of them
 */
function groupCommit<T, R>(work: (items: readonly T[]) => Promise<readonly R[]>) {
  let waiting: Waiting<T, R>[] = [];
  let working: Promise<void> | null = null;

  async function run(): Promise<void> {
    await null; // items of the same turn belong to the first batch
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      await work(batch.map(({ item }) => item)).then(
        (results) => batch.forEach(({ resolve }, i) => void resolve(results[i]!)),
        (error) => batch.forEach(({ reject }) => void reject(error)),
      );
      await new Promise((next) => setImmediate(next)); // callers whose change is settled add their next one
    }
    working = null;
  }

  return {
    add: (item: T) =>
      new Promise<R>((resolve, reject) => {
        waiting.push({ item, resolve, reject });
        working ??= run();
      }),
    /** Returns when all items are worked on. */
    async close(): Promise<void> {
      while (working !== null) await working;
    },
  };
}
