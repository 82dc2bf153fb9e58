import { type Clock, later } from "../clock.ts";
import { isRedisError, isStoreError, TtsctlError, valueIf } from "../errors.ts";
import { batches, fillIn } from "../pool.ts";
import { counted } from "../task/amounts.ts";
import { keyOf } from "../task/ids.ts";
import type { Task } from "../task/task.ts";
import { newer, newest } from "../task/version.ts";
import type { Change } from "./file/batch-plan.ts";
import type { FileStore } from "./file/file-store.ts";
import type { Owed } from "./file/owed-list.ts";
import { CurrentFile, type SharedSnapshot } from "./file/shared-snapshot.ts";
import { NO_COPY, type RedisCopy } from "./layout/copy.ts";
import type { MirrorLink, MirrorState } from "./mirror-link.ts";
import { BATCH, type Outcome } from "./redis/copies.ts";
import type { Mirror } from "./redis/mirror.ts";
import { type Removal, type RemoveOutcome, removeFromMirror, type WriteOutcome, writeToMirror } from "./redis/write.ts";
import type { TaskId } from "./task-source.ts";
import { type Writable, writable } from "./writable.ts";
import { WrittenCopies } from "./written-copies.ts";

/** A change that the file has, on its way to the mirror. A copy that isn't newer than the record that it replaced is overwritten. */
export interface MirrorChange extends Change, Removal {}

/** Of a change that the file has. `unchanged`: a copy of the same time was kept which the file didn't have. */
export type MirrorOutcome = Exclude<WriteOutcome, "reindexed"> | RemoveOutcome | "off" | TtsctlError;

export interface MirrorWriterParts {
  readonly clock: Clock;
  readonly link: MirrorLink;
  readonly file: FileStore;
  readonly shared: Pick<SharedSnapshot, "read" | "identity">;
  /** Receives an error for changes that the file has and the mirror may lack. */
  onMirrorFailure?(error: TtsctlError, count: number): void;
  /** Whether a change of the task isn't in both stores yet. */
  isBusy?(id: TaskId): boolean;
  /** Receives a line for the operator. */
  warn(line: string): void;
}

/** More pending changes are left to a sync. */
const MOST_PENDING = 10_000;

/** Between two attempts at a mirror that refuses writes, as a cluster without a slot does. */
const RETRY_MS = 1000;

/**
 * Writes changes that the file has to the mirror, for a long-lived process: in their order, guarded, and those that wait
 * together. What the mirror may lack is pending, and until it is written, the mirror must not be read. What a sync of the whole
 * file can't bring over is in the owed list instead.
 */
export class MirrorWriter {
  readonly #parts: Required<MirrorWriterParts>;
  /** By `keyOf`. */
  readonly #pending = new Map<string, Removal>();
  /** How many syncs are running: they may write what they read before a deletion. */
  #syncs = 0;
  /** How often the changes were left to a sync, and how many of those syncs have succeeded. */
  #left = 0;
  #synced = 0;
  /** Copies written since the last comparison with the file. */
  #written = new WrittenCopies();
  #last: Promise<unknown> = Promise.resolve();
  #isRetrying = false;
  readonly #closing = new AbortController();

  constructor(parts: MirrorWriterParts) {
    this.#parts = { isBusy: () => false, onMirrorFailure: () => {}, ...parts };
  }

  /** How many changes are pending. */
  get pending(): number {
    return this.#pending.size;
  }

  isPending(id: TaskId): boolean {
    return this.#pending.has(keyOf(id));
  }

  /** Leaves what the mirror lacks to a sync of the whole file. */
  leaveToSync(): void {
    this.#left++;
  }

  get needsSync(): boolean {
    return this.#left > this.#synced;
  }

  /** Why the mirror may not be read now, one line; null if it may. */
  get problem(): string | null {
    if (this.needsSync) return "until the next sync, Redis may lack changes of the file";
    if (this.pending === 0) return null;
    return `${counted(this.pending, "change")} of the file ${this.pending === 1 ? "is" : "are"} not in Redis yet`;
  }

  forReaders(state: MirrorState): MirrorState {
    const { problem } = this;
    return state.kind === "on" && problem !== null ? { ...state, behind: problem } : state;
  }

  /** A failure of Redis is a value. */
  async work(changes: readonly MirrorChange[]): Promise<MirrorOutcome[]> {
    // What an earlier one of them removed is in the owed list.
    const last = new Map(changes.map((change) => [keyOf(change.id), change]));
    const outcomes = await this.#alone(() => this.#write([...last.values()]));
    const errors = outcomes.filter((outcome) => outcome instanceof TtsctlError);
    if (errors.length > 0) this.#parts.onMirrorFailure(errors[0]!, errors.length);
    void this.#alone(() => this.#followFile());
    const ends = new Map([...last.keys()].map((key, i) => [key, outcomes[i]!]));
    return changes.map((change) => {
      const key = keyOf(change.id);
      return last.get(key) === change ? ends.get(key)! : outcomeOfEarlier(change, ends.get(key)!);
    });
  }

  /** Pushes pending changes and owed deletions in batches. Failures are reported and remain pending. */
  async catchUp(): Promise<void> {
    const { file, link } = this.#parts;
    if ((this.pending === 0 && !(await file.owed.isThere())) || (await link.open()).kind !== "on") return;
    const owed = await file.owed.read();
    if (owed.length > 0) await file.landed();
    const due = new Map([...owed, ...this.#pending.values()].map((one) => [keyOf(one.id), one]));
    for (const some of batches(due.values(), BATCH)) {
      if (!(await this.#alone(() => this.#pushOwed(some, owed)))) break;
    }
    await this.#alone(() => this.#followFile());
    await this.#retryLater();
  }

  /** For changes that were undone in the file and made again: the mirror may have been changed likewise. */
  async renew(changes: readonly MirrorChange[]): Promise<void> {
    for (const { id, before, task } of changes) this.#note({ id, before: newest(before, task?.score) }, false);
    await this.#tryToCatchUp();
  }

  async #tryToCatchUp(): Promise<void> {
    await this.catchUp().catch((error: Error) =>
      this.#parts.warn(`changes that Redis missed were not written: ${error.message}`),
    );
  }

  /** Makes the mirror as the file is by now, but for tasks that are being changed. Returns false if all failed. */
  async #pushOwed(due: readonly Removal[], owed: readonly Owed[]): Promise<boolean> {
    const idle = due.filter(({ id }) => !this.#parts.isBusy(id));
    const changes = await this.#asInFile(idle).catch(valueIf<MirrorChange[]>(isStoreError, []));
    const outcomes = await this.#write(changes);
    const done = new Set(changes.filter((_, i) => typeof outcomes[i] === "string").map(({ id }) => keyOf(id)));
    if (this.#syncs === 0) await this.#parts.file.owed.settle(owed.filter(({ id }) => done.has(keyOf(id))));
    return outcomes.length === 0 || done.size > 0;
  }

  async #asInFile(due: readonly Removal[]): Promise<MirrorChange[]> {
    await using snapshot = await this.#parts.shared.read();
    const records = await snapshot.recordsOf(due.map(({ id }) => id));
    return due.map(({ id, before }, i) => ({ id, task: records[i]!, before }));
  }

  /** Runs a sync, which doesn't cover pending removals, and may write what it read before a change of ours. */
  async aroundSync<T extends { readonly failed: number }>(sync: () => Promise<T>): Promise<T> {
    const needed = this.#left;
    await this.catchUp();
    this.#syncs++;
    try {
      const outcome = await sync();
      if (outcome.failed === 0) this.#synced = Math.max(this.#synced, needed);
      return outcome;
    } finally {
      this.#syncs--;
      await this.catchUp();
    }
  }

  /** Returns when nothing is at work. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#last;
  }

  /** A new connection catches up; a mirror that refuses writes needs retries, as does a deletion that isn't on its way. */
  async #retryLater(hasFailed = false): Promise<void> {
    if (this.#isRetrying || !(hasFailed || this.pending > 0 || (await this.#isOwed()))) return;
    this.#isRetrying = true;
    void later(this.#parts.clock, RETRY_MS, this.#closing.signal, () => {
      this.#isRetrying = false;
      void this.#tryToCatchUp();
    });
  }

  /** The end of a sync catches up anyway. */
  async #isOwed(): Promise<boolean> {
    const { file, isBusy } = this.#parts;
    return this.#syncs === 0 && (await file.owed.read()).some(({ id }) => !isBusy(id));
  }

  /** Another program may have changed a task in both stores before our write. If this fails, `verify` finds the copy. */
  async #followFile(): Promise<void> {
    if (this.#written.size === 0) return;
    const written = this.#written;
    this.#written = new WrittenCopies();
    await using file = new CurrentFile(this.#parts.shared);
    try {
      const state = await this.#parts.link.open();
      if (state.kind !== "on") return;
      for (const { userId, taskId } of await written.follow(writable(state.mirror), file, this.#parts.isBusy)) {
        this.#parts.warn(`${userId}:${taskId}: another program put an older record back; Redis keeps the newer copy`);
      }
    } catch (error) {
      if (!isRedisError(error) && !isStoreError(error)) throw error;
    }
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  /** @param changes of a task each */
  async #write(changes: readonly MirrorChange[]): Promise<MirrorOutcome[]> {
    const { owed } = this.#parts.file;
    const outcomes: MirrorOutcome[] = [];
    const known = new Map((await owed.read()).map(({ id, before }) => [keyOf(id), before]));
    for (const some of batches(changes, BATCH)) {
      const due = some.map((change) => {
        const pending = this.#pending.get(keyOf(change.id));
        return { ...change, before: newest(newest(change.before, pending?.before), known.get(keyOf(change.id))) };
      });
      const done = await this.#writeSome(due);
      const isDone = (i: number) => typeof done[i] === "string";
      // A sync may write what it read before a deletion, so these stay owed until it has ended.
      if (this.#syncs === 0) await owed.settle(due.filter((_, i) => isDone(i) && goesBack(some[i]!)));
      // Deletions are in the list already. A record of the same time, or an older one, is nothing that a sync writes.
      await owed.add(due.filter((change, i) => !isDone(i) && change.task !== null && goesBack(change)));
      due.forEach((change, i) => void this.#note(change, isDone(i) || goesBack(change)));
      outcomes.push(...done);
    }
    await this.#retryLater(outcomes.some((outcome) => outcome instanceof TtsctlError));
    return outcomes;
  }

  #note({ id, before }: Removal, isDone: boolean): void {
    const key = keyOf(id);
    this.#pending.delete(key);
    if (isDone) return;
    this.#pending.set(key, { id, before });
    if (this.pending <= MOST_PENDING) return;
    this.#pending.clear();
    this.leaveToSync();
  }

  async #writeSome(changes: readonly MirrorChange[]): Promise<MirrorOutcome[]> {
    const state = await this.#parts.link.open();
    if (state.kind !== "on") return changes.map(() => (state.kind === "off" ? "off" : state.error));
    try {
      const mirror = writable(state.mirror);
      const written = await this.#put(mirror, changes);
      const removals = changes.filter(({ task }) => task === null);
      const removed = await removeFromMirror(mirror, removals);
      for (const [i, { id, before }] of removals.entries()) {
        if (removed[i] === "removed") this.#written.noteRemoved(id, before);
      }
      const [puts, gone] = [written.values(), removed.values()];
      return changes.map(({ task }) => (task === null ? gone : puts).next().value!);
    } catch (error) {
      if (!isRedisError(error)) throw error;
      return changes.map(() => error);
    }
  }

  async #put(mirror: Writable<Mirror>, changes: readonly MirrorChange[]): Promise<MirrorOutcome[]> {
    const puts = changes.flatMap(({ task, before }) => (task === null ? [] : [{ task, before }]));
    const tasks = puts.map(({ task }) => task);
    const replaced = puts.map(({ before }) => before);
    // A task that is new in the file counts as new in the mirror too, since the guard of the write checks that.
    const copies = await fillIn<Task, Outcome<RedisCopy>>(
      tasks,
      (_, i) => (Number.isNaN(replaced[i]) ? NO_COPY : undefined),
      (known) => mirror.copies(known, "scores"),
    );
    const outcomes = await writeToMirror(mirror, tasks, { copies, replaced, written: this.#written });
    return outcomes.map((outcome) => (outcome === "reindexed" ? "unchanged" : outcome));
  }
}

/** Makes Redis as the file is, of tasks whose deletion it may lack since it was down. */
export async function drainOwed(
  { file, clock, reporter }: { file: FileStore; clock: Clock; reporter: Pick<MirrorWriterParts, "warn"> },
  mirror: Writable<Mirror>,
): Promise<void> {
  const link: MirrorLink = { open: async () => ({ kind: "on", mirror }), close: async () => {} };
  const writer = new MirrorWriter({ clock, file, shared: file, link, warn: (line) => reporter.warn(line) });
  await writer.catchUp().finally(() => writer.close());
}

/** Whether it removes the file's record, or puts one in its place that isn't newer. */
function goesBack({ task, before }: MirrorChange): boolean {
  return !Number.isNaN(before) && (task === null || !newer(task.score, before));
}

/** By the outcome of the last change of its task: a kept copy is newer than any record before. */
function outcomeOfEarlier({ task }: MirrorChange, outcome: MirrorOutcome): MirrorOutcome {
  if (outcome === "off" || outcome instanceof TtsctlError) return outcome;
  if (outcome === "newer" || outcome === "unchanged") return "newer";
  if (task !== null) return "written";
  return outcome === "missing" ? "missing" : "removed";
}
