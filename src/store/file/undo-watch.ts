import type { Clock } from "../../clock.ts";
import { TtsctlError } from "../../errors.ts";
import { keyOf } from "../../task/ids.ts";
import type { Task } from "../../task/task.ts";
import type { TaskId } from "../task-source.ts";
import { type Changes, type Edit, NO_EDIT, type PlanEdit, putsOf } from "./changes.ts";
import { type FileIdentity, identityText, sameFile, sameIdentity } from "./identity.ts";
import { lastWriterOf } from "./last-writer.ts";
import type { Snapshot } from "./snapshot.ts";

/** If another process wrote within the last minute, a change is watched this long, and made again this often. */
const WATCH_S = 2;
const POLL_MS = 25;
export const MOST_REPEATS = 10;

/** How the changes of one write ended. */
export interface Watched {
  /** How often some of them were undone, and made again. */
  readonly repeats: number;
  /** The tasks whose changes another program keeps undoing. */
  readonly returned: readonly TaskId[];
  /** Why the file couldn't be read at the end, or null. */
  readonly problem: TtsctlError | null;
}

export const NOT_WATCHED: Watched = { repeats: 0, returned: [], problem: null };

/** A write of ours that may be undone. */
interface Write {
  readonly changes: Changes;
  repeats: number;
  /** As the clock's `monotonic()` counts. */
  until: number;
  resolve(watched: Watched): void;
}

/** A `Writable<FileStore>`. */
interface WatchedFile {
  readonly clock: Clock;
  identity(): Promise<FileIdentity | null>;
  read(): Promise<Snapshot>;
  land(plan: PlanEdit, done: (landed: { readonly identity: FileIdentity }) => Promise<void>): Promise<unknown>;
}

interface WatchOptions {
  /** Ends it early. */
  readonly signal?: AbortSignal | undefined;
  /** Whether a line that is appended to JSON Lines may undo a change too. */
  readonly withAppends?: boolean;
  /** Called before a repeat. */
  onRepeat?(repeats: number): Promise<void>;
}

/**
 * Watches the store file after changes: a program that holds the store in memory may write what it read before them
 * (docs/contract.md, Store file). For 2 s, a content that has a task as it was before a change undoes it, and the change is made
 * again. All decisions are made under the lock of a rewrite.
 */
export class UndoWatch {
  readonly #file: WatchedFile;
  readonly #options: WatchOptions;
  /** The last comes last. */
  #writes: Write[] = [];
  /** The content that was last found, or made, as it should be. */
  #known: FileIdentity | null = null;
  /** Whether a content is as the known one; null: none is. */
  #isSame: typeof sameIdentity | null = sameIdentity;
  #isRunning = false;
  #problem: TtsctlError | null = null;

  constructor(file: WatchedFile, options: WatchOptions = {}) {
    this.#file = file;
    this.#options = options;
  }

  /**
   * Whether a content must be looked at, by `repeat`, before a change is decided on it: another program wrote it while changes
   * are watched. Called under the lock. @param note what its last holder left
   */
  async isBehind(current: Snapshot, note: string): Promise<boolean> {
    if (this.#writes.length === 0) return false;
    if (!this.#isSame?.(current.identity, this.#known)) {
      const { isOurs, since } = await lastWriterOf(current, note);
      if (this.#isSame === null || !isOurs || !since.includes(identityText(this.#known))) return true;
    }
    this.#accept(current);
    return false;
  }

  /**
   * Adds changes that were made on a content that isn't behind. Called under the lock.
   * @param now the content with the changes; null if the path names another one
   * @param isLate whether no other program wrote the file within the last minute: then they are watched only if they are of tasks
   *   that are watched already
   * @param isSame whether a later content can't have undone them
   */
  add(changes: Changes, now: FileIdentity | null, isLate = false, isSame = sameIdentity): Promise<Watched> {
    [this.#known, this.#isSame] = [now, now === null ? null : isSame];
    if (isLate && !this.#writes.some((write) => changes.overlap(write.changes))) return Promise.resolve(NOT_WATCHED);
    changes.base.share();
    return new Promise((resolve) => {
      this.#writes.push({ changes, repeats: 0, until: this.#end(), resolve });
      if (!this.#isRunning) void this.#run();
    });
  }

  /** Makes the changes again that the content now undoes. @throws TtsctlError STORE_*, LOCK_* */
  async repeat(): Promise<void> {
    let due: ReadonlySet<Write> = new Set();
    const plan = async (current: Snapshot, note: string) => {
      const undone = (await this.isBehind(current, note)) ? await this.#undoneIn(current) : null;
      due = undone?.due ?? new Set();
      if (due.size === 0) this.#accept(current);
      else await this.#options.onRepeat?.(1 + Math.max(...[...due].map(({ repeats }) => repeats)));
      return undone?.edit ?? NO_EDIT;
    };
    await this.#file.land(plan, async ({ identity }) => {
      [this.#known, this.#isSame] = [identity, sameIdentity];
      for (const write of due) {
        write.repeats++;
        write.until = this.#end();
      }
    });
  }

  #accept({ identity, shape }: Snapshot): void {
    const mayGrow = shape === "jsonl" && !this.#options.withAppends;
    [this.#known, this.#isSame] = [identity, mayGrow ? sameFile : sameIdentity];
  }

  #end(): number {
    return this.#file.clock.monotonic() + WATCH_S;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#writes.length > 0) {
      if (!this.#options.signal?.aborted) await this.#look();
      await this.#endThose();
    }
    this.#isRunning = false;
  }

  async #look(): Promise<void> {
    await this.#file.clock.sleep(POLL_MS);
    try {
      const now = await this.#file.identity();
      if (this.#isSame?.(now, this.#known)) this.#known = now;
      else await this.repeat();
      this.#problem = null;
    } catch (error) {
      this.#problem = error instanceof TtsctlError ? error : new TtsctlError("INTERNAL", String(error));
    }
  }

  /** The edit that makes again what a content of another program undoes, and the writes that it is of. */
  async #undoneIn(current: Snapshot): Promise<{ edit: Edit; due: ReadonlySet<Write> }> {
    const due = new Set<Write>();
    const [removed, puts] = [new Set<number>(), new Map<string, Task>()];
    let isTaken = false;
    for (const [i, write] of [...this.#writes.entries()].reverse()) {
      const { changes } = write;
      changes.isTaken ||= isTaken; // who has read a write has read those before it
      const undone = await changes.undoneIn(current, (id, record) => this.#wasBefore(i, id, record));
      isTaken = changes.isTaken;
      if (undone.length === 0 || write.repeats === MOST_REPEATS) continue;
      if (this.#writes.length === 1) return { due: new Set([write]), edit: changes.editOf(undone, current) };
      for (const number of undone) {
        const id = changes.id(number);
        const last = this.#writes.findLast((other) => other.changes.find(id) >= 0)!;
        if (last !== write && (await last.changes.isMadeIn(current, id))) continue;
        for (const one of [write, last]) due.add(one);
        const [task] = await last.changes.read([last.changes.find(id)]);
        if (task != null) puts.set(keyOf(id), task);
        else removed.add(current.keyOf(id));
      }
    }
    return { due, edit: { removed, puts: putsOf([...puts.values()]) } };
  }

  /** Whether a task had a record before one of the writes before the given one. */
  async #wasBefore(write: number, id: TaskId, record: Task): Promise<boolean> {
    for (const { changes } of this.#writes.slice(0, write)) if (await changes.wasBefore(id, record)) return true;
    return false;
  }

  /** Ends the watch of writes that are older than 2 s. */
  async #endThose(): Promise<void> {
    const now = this.#options.signal?.aborted ? Number.POSITIVE_INFINITY : this.#file.clock.monotonic();
    const ended = this.#writes.filter(({ until }) => until <= now);
    for (const write of ended) {
      const { changes, repeats, resolve } = write;
      const returned = repeats < MOST_REPEATS ? [] : await this.#returned(changes);
      resolve({ repeats, returned, problem: this.#problem });
      await changes.base.close();
    }
    this.#writes = this.#writes.filter((write) => !ended.includes(write));
  }

  /** The tasks of changes that are undone now. */
  async #returned(changes: Changes): Promise<TaskId[]> {
    try {
      await using current = await this.#file.read();
      const undone = (await changes.undoneIn(current)).map((number) => changes.id(number));
      const isLast = (id: TaskId) =>
        !this.#writes.some((write) => write.changes !== changes && write.changes.find(id) >= 0);
      return this.#writes.length === 1 ? undone : undone.filter(isLast);
    } catch (error) {
      this.#problem = error as TtsctlError;
      return [];
    }
  }
}
