import type { Clock } from "../../clock.ts";
import { TtsctlError } from "../../errors.ts";
import { byValue, sameJson } from "../../json/value.ts";
import { fillIn } from "../../pool.ts";
import { keyOf, type TaskId } from "../../task/ids.ts";
import type { Task } from "../../task/task.ts";
import type { Writable } from "../writable.ts";
import { type Edit, putsOf } from "./changes.ts";
import { type FileStore, MOST_REPEATS, owedOf, WATCH_POLL_MS, WATCH_S } from "./file-store.ts";
import { type FileIdentity, sameFile, sameIdentity } from "./identity.ts";
import { isMadeFrom } from "./last-writer.ts";
import type { Snapshot } from "./snapshot.ts";

/** A change of a task that is on the disk; null for no valid record. */
export interface MadeChange {
  readonly id: TaskId;
  readonly before: Task | null;
  readonly wasInvalid: boolean;
  readonly after: Task | null;
}

/** How the changes of one write ended. */
export interface Watched {
  /** By `keyOf`: the tasks that another program has undone, and that were changed again. */
  readonly repeated: ReadonlySet<string>;
  /** By `keyOf`: those that it keeps undoing. */
  readonly returned: ReadonlySet<string>;
  /** Why the file couldn't be read at the end, or null. */
  readonly problem: TtsctlError | null;
}

interface Write {
  /** How many of its changes are watched. */
  left: number;
  readonly repeated: Set<string>;
  readonly returned: Set<string>;
  resolve(watched: Watched): void;
}

/** A state that a task had before a change of ours. */
interface Seen {
  readonly state: Task | null;
  readonly wasInvalid: boolean;
  /** The number of our write that made this state, 0 for another program's; and of the one that replaced it. */
  readonly from: number;
  readonly to: number;
  readonly write: Write;
  /** As the clock's `monotonic()` counts. */
  until: number;
}

interface WatchedTask {
  readonly id: TaskId;
  wanted: Task | null;
  /** The number of our last write of the task. */
  last: number;
  seen: Seen[];
  repeats: number;
}

export const NOT_WATCHED: Watched = { repeated: new Set(), returned: new Set(), problem: null };

/**
 * Watches the store file for a long-lived process: a program that holds the store in memory may write what it read before
 * a change of ours (docs/contract.md, Store file). For `WATCH_S`, a content with a state that a task had before is one that
 * undoes the change, which is then made again. All decisions are made under the lock of a rewrite.
 */
export class UndoWatch {
  /** By `keyOf`. */
  readonly #tasks = new Map<string, WatchedTask>();
  /** The content that was last found, or made, as it should be. */
  #known: FileIdentity | null = null;
  /** Whether a content is as the known one; null: none is. */
  #isSame: typeof sameIdentity | null = sameIdentity;
  /** The number of our last write, and of the last one that another program has read. */
  #writes = 0;
  #taken = 0;
  #isRunning = false;
  #problem: TtsctlError | null = null;

  constructor(
    private readonly file: Writable<FileStore>,
    private readonly clock: Clock,
    private readonly owes: boolean,
  ) {}

  get isWatching(): boolean {
    return this.#tasks.size > 0;
  }

  /** Whether `repeat` must come first: another program wrote this content. Called under the lock. @param note what its last holder left */
  async isBehind(current: Snapshot, note: string): Promise<boolean> {
    if (!this.isWatching) return false;
    const isKnown = this.#isSame?.(current.identity, this.#known) === true;
    if (!isKnown && (this.#isSame === null || !(await isMadeFrom(this.#known, current, note)))) return true;
    this.#accept(current);
    return false;
  }

  /**
   * Adds changes that were made on a content that isn't behind. Called under the lock.
   * @param now the content with the changes; null if the path names another one
   * @param isSame whether a later content can't have undone them
   * @param isAlone whether no other program wrote the file lately: then only tasks are watched that are already
   */
  add(
    changes: readonly MadeChange[],
    now: FileIdentity | null,
    isAlone: boolean,
    isSame = sameIdentity,
  ): Promise<Watched> {
    [this.#known, this.#isSame] = [now, now === null ? null : isSame];
    const number = ++this.#writes;
    return new Promise((resolve) => {
      const write: Write = { left: 0, repeated: new Set(), returned: new Set(), resolve };
      for (const { id, before, wasInvalid, after } of changes) {
        const known = this.#tasks.get(keyOf(id));
        if (known === undefined && isAlone) continue;
        const task = known ?? { id, wanted: after, last: 0, seen: [], repeats: 0 };
        task.seen.push({ state: before, wasInvalid, from: task.last, to: number, write, until: this.#end() });
        Object.assign(task, { wanted: after, last: number, repeats: 0 });
        this.#tasks.set(keyOf(id), task);
        write.left++;
      }
      if (write.left === 0) resolve(NOT_WATCHED);
      else if (!this.#isRunning) void this.#run();
    });
  }

  /** Makes the changes again that the content now undoes. @throws TtsctlError STORE_*, LOCK_* */
  async repeat(): Promise<void> {
    let due: WatchedTask[] = [];
    const plan = async (current: Snapshot, note: string) => {
      due = (await this.isBehind(current, note)) ? await this.#undoneIn(current) : [];
      if (due.length === 0) this.#accept(current);
      const edit = editOf(due, current);
      if (this.owes) await this.file.owed.add(owedOf(edit, current));
      return edit;
    };
    await this.file.land(plan, async ({ identity }) => {
      [this.#known, this.#isSame] = [identity, sameIdentity];
      for (const task of due) {
        task.repeats++;
        for (const seen of task.seen) {
          seen.until = this.#end();
          seen.write.repeated.add(keyOf(task.id));
        }
      }
    });
  }

  /** What is appended to JSON Lines later undoes nothing. */
  #accept({ identity, shape }: Snapshot): void {
    [this.#known, this.#isSame] = [identity, shape === "jsonl" ? sameFile : sameIdentity];
  }

  #end(): number {
    return this.clock.monotonic() + WATCH_S;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.isWatching) {
      await this.clock.sleep(WATCH_POLL_MS);
      try {
        const now = await this.file.identity();
        if (this.#isSame?.(now, this.#known)) this.#known = now;
        else await this.repeat();
        this.#problem = null;
      } catch (error) {
        this.#problem = error instanceof TtsctlError ? error : new TtsctlError("INTERNAL", String(error));
      }
      await this.#endThose();
    }
    this.#isRunning = false;
  }

  /** The tasks whose changes a content of another program undoes. */
  async #undoneIn(current: Snapshot): Promise<WatchedTask[]> {
    const tasks = [...this.#tasks.values()];
    const records = await current.recordsOf(tasks.map(({ id }) => id));
    for (const [i, { wanted, last, seen }] of tasks.entries()) {
      const record = records[i]!;
      if (record === null) continue;
      const read = seen.filter(({ state }) => sameRecord(state, record)).map(({ from }) => from);
      if (sameRecord(wanted, record)) read.push(last);
      // In any other state, a record that was new was read before it was changed.
      if (read.length === 0) read.push(...seen.filter(({ state }) => state === null).map(({ to }) => to));
      if (read.length > 0) this.#taken = Math.max(this.#taken, Math.min(...read)); // at least that
    }
    return tasks.filter(({ id, wanted, seen, repeats }, i) => {
      const record = records[i]!;
      const isInvalid = current.hasInvalid(id);
      if (repeats >= MOST_REPEATS || (sameRecord(wanted, record) && (wanted !== null || !isInvalid))) return false;
      const read = seen.filter(({ state, wasInvalid }) => sameRecord(state, record) && wasInvalid === isInvalid);
      // A program that has read our record, and then lacks it, has deleted it.
      return read.some(({ to }) => record !== null || wanted === null || to > this.#taken);
    });
  }

  /** Ends the watch of changes that are older than `WATCH_S`. */
  async #endThose(): Promise<void> {
    const now = this.clock.monotonic();
    const ended = [...this.#tasks.values()].filter(({ seen }) => seen.some(({ until }) => until <= now));
    const gaveUp = await this.#returnedOf(ended.filter(({ repeats }) => repeats >= MOST_REPEATS)).catch((error) => {
      this.#problem = error as TtsctlError;
      return new Set();
    });
    for (const task of ended) {
      const key = keyOf(task.id);
      for (const { write } of task.seen.filter(({ until }) => until <= now)) {
        const { repeated, returned } = write;
        if (gaveUp.has(key)) returned.add(key);
        if (--write.left === 0) write.resolve({ repeated, returned, problem: this.#problem });
      }
      task.seen = task.seen.filter(({ until }) => until > now);
      if (task.seen.length === 0) this.#tasks.delete(key);
    }
  }

  /** Those whose last state isn't in the file. */
  async #returnedOf(tasks: readonly WatchedTask[]): Promise<Set<string>> {
    if (tasks.length === 0 || this.#problem !== null) return new Set();
    await using current = await this.file.read();
    const records = await current.recordsOf(tasks.map(({ id }) => id));
    return new Set(tasks.filter(({ wanted }, i) => !sameRecord(wanted, records[i]!)).map(({ id }) => keyOf(id)));
  }
}

/** The changes of an edit of a content: read when the result is called, which may be after an append. */
export function changesOf({ removed, puts }: Edit, before: Snapshot): () => Promise<MadeChange[]> {
  const changed = new Map<string, Omit<MadeChange, "before" | "after"> & { row: number; put: number }>();
  const note = (id: TaskId, put: number) => {
    const [row, wasInvalid] = [before.rowOf(id), before.hasInvalid(id)];
    changed.set(keyOf(id), { id, row, wasInvalid, put });
  };
  for (const key of removed) note(before.rows.keys.id(key), -1);
  for (let put = 0; put < puts.size; put++) note(puts.id(put), put);
  return async () => {
    const all = [...changed.values()];
    const seen = await fillIn<(typeof all)[number], Task | null>(
      all,
      ({ row }) => (row < 0 ? null : undefined),
      (live) => before.readTasks(live.map(({ row }) => row)),
    );
    const records = await puts.read(Array.from({ length: puts.size }, (_, put) => put));
    return all.map(({ put, ...one }, i) => ({ ...one, before: seen[i]!, after: put < 0 ? null : records[put]! }));
  };
}

function sameRecord(one: Task | null, other: Task | null): boolean {
  return one === null || other === null ? one === other : sameJson(one.json, other.json, byValue);
}

function editOf(tasks: readonly WatchedTask[], current: Snapshot): Edit {
  const removed = tasks.filter(({ id, wanted }) => wanted === null && current.holds(id));
  return {
    removed: new Set(removed.map(({ id }) => current.keyOf(id))),
    puts: putsOf(tasks.flatMap(({ wanted }) => wanted ?? [])),
  };
}
