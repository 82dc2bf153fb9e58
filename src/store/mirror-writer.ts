import { isRedisError, isStoreError, TtsctlError } from "../errors.ts";
import { batches, fillIn } from "../pool.ts";
import type { Task } from "../task/task.ts";
import type { Change } from "./file/batch-plan.ts";
import { CurrentFile, type SharedSnapshot } from "./file/shared-snapshot.ts";
import type { Batches } from "./group-commit.ts";
import { NO_COPY, type RedisCopy } from "./layout/copy.ts";
import type { MirrorLink } from "./mirror-link.ts";
import { keyIn, type MirrorChange, type MirrorOutcome, newest, type OwedCopies, type OwedCopy } from "./owed-copies.ts";
import { BATCH, type Outcome } from "./redis/copies.ts";
import type { Mirror } from "./redis/mirror.ts";
import { type Removal, removeFromMirror } from "./redis/remove.ts";
import { writeToMirror } from "./redis/write.ts";
import type { TaskId } from "./task-source.ts";
import { WrittenCopies } from "./written-copies.ts";

export interface MirrorWriterParts {
  readonly link: MirrorLink;
  /** What the file holds now. */
  readonly shared: SharedSnapshot;
  /** What the mirror did not take; kept here. */
  readonly owed: OwedCopies;
  /** Told of changes that the file has and the mirror did not take, or whose outcome there is unknown. */
  onMirrorFailure(error: TtsctlError, count: number): void;
  /** Whether a change of the task isn't in both stores yet. */
  isBusy(id: TaskId): boolean;
  /** Told what an operator should know, one line. */
  warn(line: string): void;
}

/** Between two attempts at what is owed to a mirror that is there and refuses, as a cluster does that lacks a slot. */
const RETRY_MS = 1000;

interface Put {
  readonly task: Task;
  /** As in MirrorChange. */
  readonly before: number;
}

/**
 * The write side of the mirror for a process that lives on: changes that the file has, in their order, guarded, those
 * that wait together in one call. Several changes of one task are one.
 */
export class MirrorWriter {
  readonly #parts: MirrorWriterParts;
  /** Copies written since the last comparison with the file. */
  #written = new WrittenCopies();
  /** What is at work: one at a time. */
  #last: Promise<unknown> = Promise.resolve();
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(parts: MirrorWriterParts) {
    this.#parts = parts;
  }

  get #owed(): OwedCopies {
    return this.#parts.owed;
  }

  /** Works on what waits, as `GroupCommit` asks for. A failure of Redis is a value. */
  async work(batches: Batches<MirrorChange, MirrorOutcome>): Promise<void> {
    const batch = await batches.next(0);
    if (batch === null) return;
    const changes = [...collapse(batch.items).values()];
    const outcomes = await this.#alone(() =>
      this.#write(changes, (error, count) => this.#parts.onMirrorFailure(error, count)),
    );
    batch.settle(outcomesFor(batch.items, outcomes));
    void this.#alone(() => this.#followFile());
  }

  /**
   * Pushes what is owed, if the mirror is there: some at a time, so that new changes don't wait for all of it. A failure
   * leaves it owed, and was reported before.
   */
  async catchUp(): Promise<void> {
    if (this.#owed.size === 0 || (await this.#parts.link.open()).kind !== "on") return;
    for (const keys of batches(this.#owed.keys, BATCH)) {
      if (!(await this.#alone(() => this.#pushOwed(keys)))) break;
    }
    await this.#alone(() => this.#followFile());
    this.#retryLater();
  }

  /** A task that is being changed is left to that change. Returns false if all failed. */
  async #pushOwed(keys: readonly string[]): Promise<boolean> {
    const owed = this.#owed.of(keys).filter(({ id }) => !this.#parts.isBusy(id));
    const changes = await this.#asInFile(owed).catch(noneOfStore);
    const outcomes = await this.#write(changes, () => {});
    return changes.length === 0 || [...outcomes.values()].some((outcome) => !(outcome instanceof TtsctlError));
  }

  /** Runs a sync, which cannot make up for what is owed, and may write what it read before a change of ours. */
  async aroundSync<T>(sync: () => Promise<T>): Promise<T> {
    this.#owed.syncBegins();
    try {
      await this.catchUp();
      return await sync();
    } finally {
      this.#owed.syncEnds();
      await this.catchUp();
    }
  }

  /** Returns when nothing is at work. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    await this.#last;
  }

  /** A connection that comes again makes up for all; one that stayed while the mirror refused says nothing of when it takes again. */
  #retryLater(): void {
    if (this.#closed || this.#retry !== undefined || this.#owed.size === 0) return;
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.catchUp().catch((error: Error) =>
        this.#parts.warn(`what Redis missed was not made up for: ${error.message}`),
      );
    }, RETRY_MS).unref();
  }

  /** Another program may have changed a task in both stores before our write. If this fails, `verify` finds the copy. */
  async #followFile(): Promise<void> {
    if (this.#written.size === 0) return;
    const written = this.#written;
    this.#written = new WrittenCopies();
    const file = new CurrentFile(this.#parts.shared);
    try {
      const state = await this.#parts.link.open();
      if (state.kind === "on") await written.follow(state.mirror, file, this.#parts.isBusy);
    } catch (error) {
      if (!isRedisError(error) && !isStoreError(error)) throw error;
    } finally {
      await file.close();
    }
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  /** The file may have a task again by now, or lack it, by another program: the mirror should be as the file is. */
  async #asInFile(owed: readonly OwedCopy[]): Promise<MirrorChange[]> {
    const snapshot = await this.#parts.shared.read();
    try {
      const records = await snapshot.recordsOf(owed.map(({ id }) => id));
      return owed.map(({ id, before, tried }, i): MirrorChange => {
        const task = records[i]!;
        if (task !== null) return { change: { kind: "upsert", task }, before };
        return { change: { kind: "remove", id }, before: newest(before, tried) };
      });
    } finally {
      await snapshot.close();
    }
  }

  async #write(changes: readonly MirrorChange[], tell: Tell): Promise<Map<string, MirrorOutcome>> {
    const outcomes = new Map<string, MirrorOutcome>();
    for (let i = 0; i < changes.length; i += BATCH) {
      const some = changes.slice(i, i + BATCH).map((item) => this.#owed.with(item));
      const done = await this.#writeSome(some, tell);
      some.forEach((item, at) => {
        this.#owed.note(item, done[at]!);
        outcomes.set(keyIn(item), done[at]!);
      });
    }
    this.#retryLater();
    return outcomes;
  }

  async #writeSome(changes: readonly MirrorChange[], tell: Tell): Promise<MirrorOutcome[]> {
    const state = await this.#parts.link.open();
    if (state.kind === "off") return changes.map(() => "off");
    if (state.kind === "down") return failed(changes, state.error, tell);
    try {
      return noted(await this.#send(state.mirror, changes), tell);
    } catch (error) {
      if (!isRedisError(error)) throw error;
      return failed(changes, error, tell);
    }
  }

  async #send(mirror: Mirror, changes: readonly MirrorChange[]): Promise<MirrorOutcome[]> {
    const puts = changes.flatMap(({ change, before }) =>
      change.kind === "upsert" ? [{ task: change.task, before }] : [],
    );
    const goes = changes.flatMap(({ change, before }) => (change.kind === "remove" ? [{ id: change.id, before }] : []));
    const written = (await this.#put(mirror, puts))[Symbol.iterator]();
    const removed = (await this.#remove(mirror, goes))[Symbol.iterator]();
    return changes.map(({ change }) => (change.kind === "upsert" ? written : removed).next().value as MirrorOutcome);
  }

  async #put(mirror: Mirror, puts: readonly Put[]): Promise<MirrorOutcome[]> {
    const tasks = puts.map(({ task }) => task);
    const replaced = puts.map(({ before }) => before / 1e6);
    const outcomes = await writeToMirror(mirror, tasks, {
      copies: await this.#copies(mirror, puts),
      replaced,
      written: this.#written,
    });
    return outcomes.map((outcome) => (outcome === "mended" ? "unchanged" : outcome));
  }

  async #remove(mirror: Mirror, removals: readonly Removal[]): Promise<MirrorOutcome[]> {
    const outcomes = await removeFromMirror(mirror, removals);
    removals.forEach(({ id, before }, i) => {
      if (outcomes[i] === "removed") this.#written.noteRemoved(id, before);
    });
    return outcomes;
  }

  /** A task that is new in the file counts as new in the mirror too, since the guard of the write checks that. */
  #copies(mirror: Mirror, puts: readonly Put[]): Promise<Outcome<RedisCopy>[]> {
    const ofNew = ({ before }: Put) => (Number.isNaN(before) ? NO_COPY : undefined);
    const read = (known: readonly Put[]) =>
      mirror.copies(
        known.map(({ task }) => task),
        "scores",
      );
    return fillIn<Put, Outcome<RedisCopy>>(puts, ofNew, read);
  }
}

/** As `onMirrorFailure`. */
type Tell = (error: TtsctlError, count: number) => void;

function failed(changes: readonly MirrorChange[], error: TtsctlError, tell: Tell): MirrorOutcome[] {
  tell(error, changes.length);
  return changes.map(() => error);
}

/** Failures of single tasks, such as a key of the wrong type. */
function noted(outcomes: MirrorOutcome[], tell: Tell): MirrorOutcome[] {
  const errors = outcomes.filter((outcome) => outcome instanceof TtsctlError);
  if (errors.length > 0) tell(errors[0]!, errors.length);
  return outcomes;
}

/** A file that cannot be read is none to go by. */
function noneOfStore(error: unknown): MirrorChange[] {
  if (!isStoreError(error)) throw error;
  return [];
}

/** The last change of each task, by `keyIn`; `before` is that of the newest record that any of them replaced. */
function collapse(changes: readonly MirrorChange[]): Map<string, MirrorChange> {
  const lasts = new Map<string, MirrorChange>();
  for (const item of changes) {
    const key = keyIn(item);
    lasts.set(key, { change: item.change, before: newest(item.before, lasts.get(key)?.before) });
  }
  return lasts;
}

/**
 * The outcome of each change by that of the last one of its task. An earlier change is done if the last one is; a copy
 * that was kept is newer than any record before the last.
 */
function outcomesFor(changes: readonly MirrorChange[], outcomes: ReadonlyMap<string, MirrorOutcome>): MirrorOutcome[] {
  const all: MirrorOutcome[] = [];
  const isFollowed = new Set<string>();
  for (let i = changes.length - 1; i >= 0; i--) {
    const key = keyIn(changes[i]!);
    const outcome = outcomes.get(key)!;
    all[i] = isFollowed.has(key) ? outcomeOfEarlier(changes[i]!.change, outcome) : outcome;
    isFollowed.add(key);
  }
  return all;
}

function outcomeOfEarlier({ kind }: Change, outcome: MirrorOutcome): MirrorOutcome {
  if (outcome === "off" || outcome instanceof TtsctlError) return outcome;
  if (outcome === "newer" || outcome === "unchanged") return "newer";
  if (kind === "upsert") return "written";
  return outcome === "missing" ? "missing" : "removed";
}
