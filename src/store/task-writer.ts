import { keyOf, type TaskId } from "../task/ids.ts";
import type { Task } from "../task/task.ts";
import type { Change, ChangeOutcome, Request, Update } from "./file/batch-plan.ts";
import { type FileResult, type FileWriterParts, fileWriter, type Settled } from "./file/file-writer.ts";
import { type MirrorChange, type MirrorOutcome, type MirrorWriterParts, mirrorWriter } from "./mirror-writer.ts";
import type { WriterMark } from "./writer-mark.ts";

/** The outcome of a change in each store. If the file has a newer record, the mirror is left alone too. */
export interface Written {
  readonly file: ChangeOutcome;
  /** `skipped`: the file wasn't changed. */
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

export type TaskWriter = ReturnType<typeof taskWriter>;

/** Writes of a long-lived process: to the file first, then to Redis, together if they wait. A task's changes keep their order. */
export function taskWriter(parts: TaskWriterParts) {
  /** By `keyOf`: how many changes of a task are not in both stores yet. */
  const pending = new Map<string, number>();
  /** Changes that are watched. */
  const settling = new Set<Promise<unknown>>();
  const isPending = (id: TaskId) => pending.has(keyOf(id));
  const write = fileWriter(parts);
  const toFile = groupCommit<Request, FileResult>(async (requests) => {
    await parts.mark?.set();
    return write(requests);
  });
  const mirror = mirrorWriter({ ...parts, isBusy: isPending });
  const toMirror = groupCommit<MirrorChange, MirrorOutcome>((changes) => mirror.work(changes));
  /** Of changes that were undone and made again. */
  const renewals = groupCommit(async (changes: readonly MirrorChange[]) => {
    await mirror.renew(changes);
    return changes;
  });

  function change(one: Change): Promise<Written> {
    return busy(one.id, async () => mirrored(await toFile.add(one)));
  }

  async function mirrored({ outcome, before, id, task, settled }: FileResult): Promise<Written> {
    const unchanged = { file: outcome, settled: Promise.resolve(outcome) };
    if (id === null || outcome === "unchanged" || outcome === "newer") return { ...unchanged, mirror: "skipped" };
    const made = { id, task, before };
    const inMirror = busy(id, () => toMirror.add(made));
    const end = Promise.all([settled, inMirror.catch(() => null)]).then(
      async ([{ outcome: last, isRepeated }, there]) => {
        if (isRepeated && there !== "off") await renewals.add(made);
        return last;
      },
    );
    settling.add(end);
    void end.finally(() => settling.delete(end));
    return { file: outcome, mirror: await inMirror, settled: end };
  }

  /** Counts the task as pending during the work. */
  async function busy<R>(id: TaskId, work: () => Promise<R>): Promise<R> {
    const key = keyOf(id);
    pending.set(key, (pending.get(key) ?? 0) + 1);
    try {
      return await work();
    } finally {
      const left = pending.get(key)! - 1;
      if (left > 0) pending.set(key, left);
      else pending.delete(key);
    }
  }

  return {
    mirror,

    /**
     * Puts a task in the file, unless that has a newer record, and then in the mirror. Resolves when it is on the disk.
     * @throws TtsctlError STORE_*, LOCK_*: nothing was written to Redis, and nothing to the file as far as is known
     */
    upsert: (task: Task) => change({ id: task, task }),

    /** Removes all records of a task from the file, then its copy, unless that is newer. Throws as `upsert`. */
    remove: (id: TaskId) => change({ id, task: null }),

    /** Changes a task by its record in the file. If the task is missing, the mirror isn't changed. Throws as `upsert`, and what `change` throws. */
    async update(update: Update): Promise<Written> {
      const result = await toFile.add(update);
      if (result.failure !== undefined) throw result.failure.error;
      return { ...(await mirrored(result)), task: result.task };
    },

    get pending(): number {
      return pending.size;
    },
    isPending,

    /** Returns when all that was asked for is done. */
    async close(): Promise<void> {
      await toFile.close();
      while (settling.size > 0) await Promise.all(settling);
      await toMirror.close();
      await mirror.close();
    },
  };
}

interface Waiting<T, R> {
  readonly item: T;
  resolve(result: R): void;
  reject(error: unknown): void;
}

/** Group commit: items added during a batch become the next one. @param work returns a result for each item; its error is that of all */
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
