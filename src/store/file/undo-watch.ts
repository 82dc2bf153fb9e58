import type { Clock } from "../../clock.ts";
import { TtsctlError } from "../../errors.ts";
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

export interface Watching {
  readonly watched: Promise<Watched>;
}

export const NOT_WATCHED: Watching = { watched: Promise.resolve({ repeats: 0, returned: [], problem: null }) };

/** A write of ours that may be undone. */
interface Write {
  readonly changes: Changes;
  repeats: number;
  /** By the number of a change: how often it was made again. */
  readonly tries: Map<number, number>;
  /** As the clock's `monotonic()` counts. */
  until: number;
  resolve(watched: Watched): void;
}

/** Numbers of changes, by the last write of their task. */
type Undone = Map<Write, Set<number>>;

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
  async add(changes: Changes, now: FileIdentity | null, isLate = false, isSame = sameIdentity): Promise<Watching> {
    [this.#known, this.#isSame] = [now, now === null ? null : isSame];
    if (isLate && !this.#writes.some((write) => changes.overlap(write.changes))) return NOT_WATCHED;
    await changes.keep();
    const watched = new Promise<Watched>((resolve) => {
      this.#writes.push({ changes, repeats: 0, tries: new Map(), until: this.#end(), resolve });
      if (!this.#isRunning) void this.#run();
    });
    return { watched };
  }

  /** Makes the changes again that the content now undoes. @throws TtsctlError STORE_*, LOCK_* */
  async repeat(): Promise<void> {
    let undone: Undone = new Map();
    let due: readonly Write[] = [];
    const plan = async (current: Snapshot, note: string) => {
      undone = (await this.isBehind(current, note)) ? await this.#undoneIn(current, false) : new Map();
      due = this.#writesOf(undone);
      if (due.length === 0) this.#accept(current);
      else await this.#options.onRepeat?.(1 + Math.max(...due.map(({ repeats }) => repeats)));
      return this.#editOf(undone, current);
    };
    await this.#file.land(plan, async ({ identity }) => {
      [this.#known, this.#isSame] = [identity, sameIdentity];
      if (this.#writes.length > 1)
        for (const [{ tries }, numbers] of undone)
          for (const number of numbers) tries.set(number, 1 + (tries.get(number) ?? 0));
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

  /** What a content of another program undoes: of the changes that were made again too often, or of the others. */
  async #undoneIn(current: Snapshot, isGivenUp: boolean): Promise<Undone> {
    const undone = await this.#allUndoneIn(current);
    for (const [write, numbers] of undone) {
      const { repeats, tries } = write;
      const isAlone = this.#writes.length === 1;
      for (const number of numbers)
        if ((isAlone ? repeats : (tries.get(number) ?? 0)) >= MOST_REPEATS !== isGivenUp) numbers.delete(number);
      if (numbers.size === 0) undone.delete(write);
    }
    return undone;
  }

  async #allUndoneIn(current: Snapshot): Promise<Undone> {
    const undone: Undone = new Map();
    let isTaken = false;
    for (const [i, write] of [...this.#writes.entries()].reverse()) {
      const { changes } = write;
      changes.isTaken ||= isTaken; // who has read a write has read those before it
      const numbers = await changes.undoneIn(current, (id, record) => this.#wasBefore(i, id, record));
      isTaken = changes.isTaken;
      if (this.#writes.length === 1) return numbers.length === 0 ? undone : undone.set(write, new Set(numbers));
      for (const number of numbers) {
        const id = changes.id(number);
        const last = this.#writes.findLast((other) => other.changes.find(id) >= 0)!;
        if (last !== write && (await last.changes.isMadeIn(current, id))) continue;
        undone.set(last, (undone.get(last) ?? new Set()).add(last.changes.find(id)));
      }
    }
    return undone;
  }

  /** All writes of some changes' tasks. */
  #writesOf(undone: Undone): Write[] {
    const ids = this.#writes.length === 1 ? [] : idsOf(undone);
    return this.#writes.filter((write) => undone.has(write) || ids.some((id) => write.changes.find(id) >= 0));
  }

  async #editOf(undone: Undone, current: Snapshot): Promise<Edit> {
    const edits = Array.from(undone, ([{ changes }, numbers]) => changes.editOf([...numbers], current));
    if (edits.length < 2) return edits[0] ?? NO_EDIT;
    const tasks = await Promise.all(Array.from(undone, ([{ changes }, numbers]) => changes.read([...numbers])));
    const removed = new Set(edits.flatMap((edit) => [...edit.removed]));
    return { removed, puts: putsOf(tasks.flat().filter((task) => task !== null)) };
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
    const gaveUp = ended.length > 0 && this.#writes.some(({ repeats }) => repeats >= MOST_REPEATS);
    const undone = gaveUp ? await this.#undoneNow() : [];
    for (const { changes, repeats, resolve } of ended) {
      const returned = this.#writes.length === 1 ? undone : undone.filter((id) => changes.find(id) >= 0);
      resolve({ repeats, returned, problem: this.#problem });
      await changes.close();
    }
    this.#writes = this.#writes.filter((write) => !ended.includes(write));
  }

  /** The tasks that the content undoes now, after too many repeats. */
  async #undoneNow(): Promise<TaskId[]> {
    try {
      await using current = await this.#file.read();
      return idsOf(await this.#undoneIn(current, true));
    } catch (error) {
      this.#problem = error as TtsctlError;
      return [];
    }
  }
}

function idsOf(undone: Undone): TaskId[] {
  return [...undone].flatMap(([{ changes }, numbers]) => Array.from(numbers, (number) => changes.id(number)));
}
