import { isRedisError, isStoreError, type TtsctlError, valueIf } from "../errors.ts";
import { batches } from "../pool.ts";
import { counted } from "../task/amounts.ts";
import { keyOf, type TaskId } from "../task/ids.ts";
import type { Task } from "../task/task.ts";
import { newer, newest } from "../task/version.ts";
import type { Change } from "./file/batch-plan.ts";
import type { FileStore } from "./file/file-store.ts";
import type { Owed } from "./file/owed-list.ts";
import { CurrentFile } from "./file/shared-snapshot.ts";
import type { MirrorState } from "./mirror-link.ts";
import { BATCH } from "./redis/copies.ts";
import type { Mirror } from "./redis/mirror.ts";
import { type Removal, type RemoveOutcome, removeFromMirror, type WriteOutcome, writeToMirror } from "./redis/write.ts";
import type { Writable } from "./writable.ts";
import { WrittenCopies } from "./written-copies.ts";

/** A change that the file has, on its way to the mirror. A copy that isn't newer than the record that it replaced is overwritten. */
export interface MirrorChange extends Change, Removal {}

/** Of a change that the file has. `unchanged`: a copy of the same time was kept which the file didn't have. */
export type MirrorOutcome = Exclude<WriteOutcome, "reindexed"> | RemoveOutcome | "off" | TtsctlError;

export interface MirrorWriterParts {
  /** The mirror for writes. */
  open(): Promise<MirrorState<Writable<Mirror>>>;
  readonly file: FileStore;
  /** The mirror is still behind, though it answers: a catch-up is due soon. */
  onBehind?(): void;
  /** Receives a line for the operator. */
  warn(line: string): void;
}

export type MirrorWriter = ReturnType<typeof mirrorWriter>;

/** More pending changes are left to a sync. */
const MOST_PENDING = 10_000;

/** So many owed deletions are made before the list is written again without them. */
const DRAINED = 20 * BATCH;

/**
 * Writes changes that the file has to the mirror, for a long-lived process: in their order, guarded, and those that wait
 * together. What the mirror may lack is pending, and until it is written, the mirror must not be read. What a sync of the whole
 * file can't bring over is in the owed list instead.
 */
export function mirrorWriter(parts: MirrorWriterParts) {
  const { open, file } = parts;
  /** By `keyOf`. */
  const waiting = new Map<string, Removal>();
  /** How many syncs are running: they may write what they read before a deletion. */
  let syncs = 0;
  /** How often the changes were left to a sync, and how many of those syncs have succeeded. */
  let left = 0;
  let synced = 0;
  /** Copies written since the last comparison with the file. */
  let unfollowed = new WrittenCopies();
  let queue: Promise<unknown> = Promise.resolve();

  /** Makes the mirror as the file is by now. Returns false if all failed. */
  async function pushOwed(due: readonly Removal[], owed: readonly Owed[]): Promise<boolean> {
    const changes = await asInFile(due).catch(valueIf<MirrorChange[]>(isStoreError, []));
    const outcomes = await write(changes);
    const done = new Set(changes.filter((_, i) => typeof outcomes[i] === "string").map(({ id }) => keyOf(id)));
    if (syncs === 0) await file.owed.settle(owed.filter(({ id }) => done.has(keyOf(id))));
    return outcomes.length === 0 || done.size > 0;
  }

  /** Neither a missing file nor an invalid record of a task shows what Redis should have. */
  async function asInFile(due: readonly Removal[]): Promise<MirrorChange[]> {
    await using snapshot = await file.read();
    const records = await snapshot.recordsOf(due.map(({ id }) => id));
    const isKnown = (id: TaskId, task: Task | null) => task !== null || (snapshot.exists && !snapshot.holds(id));
    return due.flatMap(({ id, before }, i) => (isKnown(id, records[i]!) ? [{ id, task: records[i]!, before }] : []));
  }

  /** Another program may have changed a task in both stores before our write. If this fails, `verify` finds the copy. */
  async function followFile(): Promise<void> {
    if (unfollowed.size === 0) return;
    const written = unfollowed;
    unfollowed = new WrittenCopies();
    await using current = new CurrentFile(file);
    try {
      const state = await open();
      if (state.kind !== "on") return;
      for (const { userId, taskId } of await written.follow(state.mirror, current)) {
        parts.warn(`${userId}:${taskId}: another program put an older record back; Redis keeps the newer copy`);
      }
    } catch (error) {
      if (!isRedisError(error) && !isStoreError(error)) throw error;
    }
  }

  /** One work at a time: changes of both stores, catch-ups. */
  function alone<T>(work: () => Promise<T>): Promise<T> {
    const done = queue.then(work);
    queue = done.catch(() => {});
    return done;
  }

  /** @param changes of a task each */
  async function write(changes: readonly MirrorChange[]): Promise<MirrorOutcome[]> {
    try {
      return await writeAll(changes);
    } catch (error) {
      if (!isStoreError(error)) throw error;
      for (const { id, before } of changes) note({ id, before: newest(before, waiting.get(keyOf(id))?.before) }, false);
      parts.onBehind?.();
      return changes.map(() => error);
    }
  }

  /** @throws TtsctlError STORE_* of the owed list */
  async function writeAll(changes: readonly MirrorChange[]): Promise<MirrorOutcome[]> {
    const { owed } = file;
    const outcomes: MirrorOutcome[] = [];
    const known = new Map((await owed.read()).map(({ id, before }) => [keyOf(id), before]));
    const due = changes.map((change) => {
      const key = keyOf(change.id);
      return { ...change, before: newest(newest(change.before, waiting.get(key)?.before), known.get(key)) };
    });
    for (const some of batches(due, BATCH)) outcomes.push(...(await writeSome(some)));
    const isDone = (i: number) => typeof outcomes[i] === "string";
    // A sync may write what it read before a deletion, so these stay owed until it has ended.
    if (syncs === 0) await owed.settle(due.filter((_, i) => isDone(i) && goesBack(changes[i]!)));
    // Deletions are in the list already. A record of the same time, or an older one, is nothing that a sync writes.
    const replaced = due.filter((change, i) => !isDone(i) && change.task !== null && goesBack(change));
    await owed.add(replaced.map(({ id, before }) => ({ id, before, isReplaced: true })));
    due.forEach((change, i) => void note(change, isDone(i) || goesBack(change)));
    if (!outcomes.every((_, i) => isDone(i)) || !(await isCaughtUp())) parts.onBehind?.();
    return outcomes;
  }

  function note({ id, before }: Removal, isDone: boolean): void {
    const key = keyOf(id);
    waiting.delete(key);
    if (isDone) return;
    waiting.set(key, { id, before });
    if (waiting.size <= MOST_PENDING) return;
    waiting.clear();
    left++;
  }

  async function writeSome(changes: readonly MirrorChange[]): Promise<MirrorOutcome[]> {
    const state = await open();
    if (state.kind !== "on") return changes.map(() => (state.kind === "off" ? "off" : state.error));
    const { mirror } = state;
    const puts = changes.filter(({ task }) => task !== null);
    const removals = changes.filter(({ task }) => task === null);
    try {
      const replaced = puts.map(({ before }) => before);
      const tasks = puts.map(({ task }) => task!);
      const written = await writeToMirror(mirror, tasks, { replaced, written: unfollowed });
      const removed = await removeFromMirror(mirror, removals);
      for (const [i, { id, before }] of removals.entries()) {
        if (removed[i] === "removed") unfollowed.noteRemoved(id, before);
      }
      const [ofPuts, ofRemovals] = [written.values(), removed.values()];
      const outcomes = changes.map(({ task }) => (task === null ? ofRemovals : ofPuts).next().value!);
      return outcomes.map((outcome) => (outcome === "reindexed" ? "unchanged" : outcome));
    } catch (error) {
      if (!isRedisError(error)) throw error;
      return changes.map(() => error);
    }
  }

  /** Whether nothing is pending or owed. What is owed during a sync is left to its end. */
  async function isCaughtUp(): Promise<boolean> {
    return waiting.size === 0 && (syncs > 0 || !(await file.owed.isThere()));
  }

  /** Pushes pending changes and owed deletions in batches. Failures are reported and remain pending. */
  async function catchUp(): Promise<void> {
    if ((await isCaughtUp()) || (await open()).kind !== "on") return;
    const owed = await file.owed.read();
    if (owed.length > 0) await file.landed();
    else if (await file.owed.isThere()) await file.owed.tidy().catch(valueIf(isStoreError, undefined));
    const due = new Map([...owed, ...waiting.values()].map((one) => [keyOf(one.id), one]));
    for (const some of batches(due.values(), DRAINED)) {
      if (!(await alone(() => pushOwed(some, owed)))) break;
    }
    await alone(followFile);
  }

  return {
    alone,
    catchUp,
    isCaughtUp,

    /** How many changes are pending. */
    get pending(): number {
      return waiting.size;
    },
    isPending: (id: TaskId) => waiting.has(keyOf(id)),

    /** Leaves what the mirror lacks to a sync of the whole file. */
    leaveToSync: () => void left++,
    get needsSync(): boolean {
      return left > synced;
    },

    /** Why the mirror may not be read now, one line; null if it may. */
    get problem(): string | null {
      if (left > synced) return "until the next sync, Redis may lack changes of the file";
      if (waiting.size === 0) return null;
      return `${counted(waiting.size, "change")} of the file ${waiting.size === 1 ? "is" : "are"} not in Redis yet`;
    },

    /** Writes changes, in their order: the outcome of each. A failure of Redis is one. For the work of `alone`. */
    async work(changes: readonly MirrorChange[]): Promise<ReadonlyMap<unknown, MirrorOutcome>> {
      if (changes.length === 0) return new Map();
      // What an earlier one of them removed is in the owed list.
      const last = new Map(changes.map((change) => [keyOf(change.id), change]));
      const outcomes = await write([...last.values()]);
      void alone(followFile);
      const ends = new Map([...last.keys()].map((key, i) => [key, outcomes[i]!]));
      return new Map(changes.map((change) => [change, outcomeOf(change, ends.get(keyOf(change.id))!)]));
    },

    /** For changes that were undone in the file and made again: the mirror may have been changed likewise. */
    async renew(changes: readonly MirrorChange[]): Promise<void> {
      for (const { id, before, task } of changes) note({ id, before: newest(before, task?.score) }, false);
      await catchUp().catch(() => parts.onBehind?.()); // which reports it if it fails again
    },

    /** Runs a sync, which doesn't cover pending removals, and may write what it read before a change of ours. */
    async aroundSync<T extends { readonly failed: number }>(sync: () => Promise<T>): Promise<T> {
      const needed = left;
      await catchUp();
      syncs++;
      try {
        const outcome = await sync();
        if (outcome.failed === 0) synced = Math.max(synced, needed);
        return outcome;
      } finally {
        syncs--;
        await catchUp();
      }
    },

    /** Returns when nothing is at work. */
    async ended(): Promise<void> {
      await queue;
    },
  };
}

/** Makes Redis as the file is, of tasks whose deletion it may lack since it was down; returns how many are settled. */
export async function drainOwed(
  { file, reporter }: { file: FileStore; reporter: Pick<MirrorWriterParts, "warn"> },
  mirror: Writable<Mirror>,
): Promise<number> {
  if (!(await file.owed.isThere())) return 0;
  const owed = await file.owed.read();
  const open: MirrorWriterParts["open"] = async () => ({ kind: "on", mirror });
  await mirrorWriter({ file, open, warn: (line) => reporter.warn(line) }).catchUp();
  const settled = owed.length - (await file.owed.read()).length;
  const what = `${counted(settled, "deletion")} from the file`;
  if (settled > 0)
    reporter.warn(`Redis lacked ${what}: made now, but for tasks that the file has again, or that are newer in Redis`);
  return settled;
}

/** Whether it removes the file's record, or puts one in its place that isn't newer. */
function goesBack({ task, before }: MirrorChange): boolean {
  return !Number.isNaN(before) && (task === null || !newer(task.score, before));
}

/** By the outcome of the last change of its task: what that has replaced counts as made. */
function outcomeOf({ task }: MirrorChange, last: MirrorOutcome): MirrorOutcome {
  if (task === null) return last === "written" ? "removed" : last;
  return last === "removed" || last === "missing" ? "written" : last;
}
