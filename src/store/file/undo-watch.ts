import type { Clock } from "../../clock.ts";
import type { Task } from "../../task/task.ts";
import { KeySet } from "../key-table.ts";
import type { TaskId } from "../task-source.ts";
import { type Changes, type Earlier, type Edit, type PlanEdit, putsOf, readPuts } from "./changes.ts";
import { type FileIdentity, sameIdentity } from "./identity.ts";
import type { Snapshot } from "./snapshot.ts";

/** How long a change is watched after it was made, and how often it is made again. */
const WATCH_S = 2;
const POLL_MS = 25;
const MOST_REPEATS = 10;
/** Each may hold a file open. */
const MOST_WATCHED = 100;

/** How the watch of a change ended. */
export interface Watched {
  /** How often the file was rewritten for it, the first time included. */
  readonly rewrites: number;
  /** The tasks whose removal, or whose new record, another process keeps undoing. */
  readonly returned: TaskId[];
}

interface WatchedFile {
  readonly clock: Clock;
  /** Ends the watch. */
  readonly signal: AbortSignal | undefined;
  identity(): Promise<FileIdentity | null>;
  read(): Promise<Snapshot>;
  /** Rewrites the file under the lock; null if there is nothing to change. */
  rewrite(plan: PlanEdit): Promise<FileIdentity | null>;
  /** For the operator who waits. */
  note(line: string): Promise<void>;
}

interface Entry {
  readonly changes: Changes;
  /** As the clock's `monotonic()` counts. */
  deadline: number;
  rewrites: number;
  resolve(watched: Watched): void;
  reject(error: unknown): void;
}

/**
 * Watches the store file for contents of other processes that undo changes, and makes those again (docs/contract.md, Store
 * file). One loop for all changes of this process.
 */
export class UndoWatch {
  readonly #file: WatchedFile;
  #entries: Entry[] = [];
  /** The last content that is known not to undo anything. */
  #known: FileIdentity | null = null;
  #isSame = sameIdentity;
  #isRunning = false;

  constructor(file: WatchedFile) {
    this.#file = file;
  }

  /**
   * For a write of this process: what it replaced, and its content.
   * @param isSame whether a later content can't have undone it; the inode of a file that isn't open may be reused
   */
  wrote(before: FileIdentity | null, after: FileIdentity | null, isSame = sameIdentity): void {
    if (this.#entries.length > 0 && !this.#isSame(before, this.#known)) return;
    [this.#known, this.#isSame] = [after, isSame];
  }

  /** Before a later change of these tasks: the earlier ones aren't made again. Returns what was seen before them. */
  async supersede(ids: () => Iterable<TaskId>): Promise<Earlier> {
    const earlier = new Map<string, (Task | null)[]>();
    for (const { changes } of this.#entries) await changes.handOver(ids(), earlier);
    return earlier;
  }

  /**
   * Watches changes that were made. The caller keeps their base open until it ends.
   * @throws TtsctlError STORE_*, LOCK_*
   */
  add(changes: Changes): Promise<Watched> {
    return new Promise((resolve, reject) => {
      this.#entries.push({ changes, deadline: this.#end(), rewrites: 1, resolve, reject });
      if (!this.#isRunning) void this.#run();
    });
  }

  /** Returns when more changes can be watched. */
  async room(): Promise<void> {
    while (this.#entries.length >= MOST_WATCHED) await this.#file.clock.sleep(POLL_MS);
  }

  #end(): number {
    return this.#file.clock.monotonic() + WATCH_S;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    try {
      for (;;) {
        await this.#endThose();
        if (this.#entries.length === 0) break;
        await this.#file.clock.sleep(POLL_MS);
        const now = await this.#file.identity();
        if (!this.#isSame(now, this.#known)) await this.#repeat(now);
      }
    } catch (error) {
      for (const { reject } of this.#entries.splice(0)) reject(error);
    }
    this.#isRunning = false;
  }

  /** Makes the changes again that a content undoes. */
  async #repeat(now: FileIdentity | null): Promise<void> {
    [this.#known, this.#isSame] = [now, sameIdentity];
    const entries = this.#entries.filter(({ rewrites }) => rewrites <= MOST_REPEATS);
    if (entries.length === 0) return;
    const times = Math.max(...entries.map(({ rewrites }) => rewrites));
    await this.#file.note(
      `repeats its change, because the service keeps undoing it (${times} of ${MOST_REPEATS} times)`,
    );
    let undone: Entry[] = [];
    const again = await this.#file.rewrite(async (current) => {
      const edits: Edit[] = [];
      undone = [];
      for (const entry of entries) {
        const edit = await entry.changes.undoneIn(current);
        if (edit.removed.size + edit.puts.size === 0) continue;
        undone.push(entry);
        edits.push(edit);
      }
      return together(edits, current);
    });
    if (again === null) return;
    this.#known = again;
    for (const entry of undone) [entry.rewrites, entry.deadline] = [entry.rewrites + 1, this.#end()];
  }

  async #endThose(): Promise<void> {
    const { clock, signal } = this.#file;
    const isOver = ({ deadline }: Entry) => signal?.aborted || clock.monotonic() >= deadline;
    for (const entry of this.#entries.filter(isOver)) {
      const { changes, rewrites } = entry;
      const returned = rewrites > MOST_REPEATS ? await this.#undone(changes) : [];
      this.#entries.splice(this.#entries.indexOf(entry), 1);
      if (this.#entries.length === 0) await this.#file.note("");
      entry.resolve({ rewrites, returned });
    }
  }

  /** The tasks of changes that are undone now. */
  async #undone(changes: Changes): Promise<TaskId[]> {
    await using now = await this.#file.read();
    return idsOf(await changes.undoneIn(now), now);
  }
}

/** The tasks of an edit. */
export function idsOf({ removed, puts }: Edit, { rows: { keys } }: Snapshot): TaskId[] {
  return [...Array.from(removed, (key) => keys.id(key)), ...Array.from({ length: puts.size }, (_, i) => puts.id(i))];
}

/** One edit of several, which have no task in common. */
async function together(edits: readonly Edit[], { rows }: Snapshot): Promise<Edit> {
  if (edits.length === 1) return edits[0]!;
  const removed = new KeySet(rows.keys.size);
  const tasks = [];
  for (const edit of edits) {
    for (const key of edit.removed) removed.add(key);
    for await (const task of readPuts(edit.puts)) tasks.push(task);
  }
  return { removed, puts: putsOf(tasks) };
}
