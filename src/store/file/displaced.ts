import type { FileHandle } from "node:fs/promises";
import { closeQuietly, TtsctlError } from "../../errors.ts";
import { keyOf } from "../../task/ids.ts";
import type { RecordRules } from "../../task/rules.ts";
import type { Task } from "../../task/task.ts";
import type { Edit } from "./edit.ts";
import type { Keys } from "./key-set.ts";
import { Snapshot } from "./snapshot.ts";
import { withNewer } from "./upserts.ts";

/**
 * Updates of the service that an exchange of ours took from their place for some milliseconds. A service that read the
 * file just then goes on from a content without them and writes that: such an update is put in again.
 */
export class DisplacedUpdates {
  readonly #tasks: Task[] = [];
  readonly #rules: RecordRules;

  constructor(rules: RecordRules) {
    this.#rules = rules;
  }

  /** How many updates were displaced so far. */
  get count(): number {
    return this.#tasks.length;
  }

  /** Remembers what the displaced contents have newer than the content that we had read; closes them. */
  async add(displaced: readonly FileHandle[], read: Snapshot): Promise<void> {
    for (const handle of displaced) {
      try {
        const theirs = await Snapshot.readHandle(handle, read.path, this.#rules);
        const newer = [...theirs.liveRows()].filter((row) => isNewer(theirs, row, read));
        this.#tasks.push(...(await theirs.readTasks(newer)));
      } catch (error) {
        if (!(error instanceof TtsctlError)) throw error; // their content is no store file: the next read will say so
      } finally {
        await closeQuietly(handle);
      }
    }
  }

  /** The edit, with those updates put in that `current` lacks; their tasks are not removed. */
  async restoreIn(current: Snapshot, edit: Edit): Promise<Edit> {
    const lost = this.#tasks.filter(({ userId, taskId, score }) => {
      const row = current.rowOf(userId, taskId);
      return row < 0 || current.rows.score(row) < score;
    });
    if (lost.length === 0) return edit;
    const kept = new Set(lost.map(({ userId, taskId }) => current.rows.keys.find(userId, taskId)));
    return {
      ...edit,
      removed: without(edit.removed, kept),
      upserts: await withNewer(edit.upserts, newestOfEach(lost)),
    };
  }
}

function isNewer(theirs: Snapshot, row: number, read: Snapshot): boolean {
  const key = theirs.rows.key(row);
  const before = read.rowOf(theirs.rows.keys.userId(key), theirs.rows.keys.taskId(key));
  return before < 0 || read.rows.score(before) < theirs.rows.score(row);
}

/** One record of each task: a task may have been displaced more than once. */
function newestOfEach(tasks: readonly Task[]): Task[] {
  const newest = new Map<string, Task>();
  for (const task of tasks) {
    const key = keyOf(task);
    const other = newest.get(key);
    if (other === undefined || other.score < task.score) newest.set(key, task);
  }
  return [...newest.values()];
}

function without(removed: Keys, kept: ReadonlySet<number>): Keys {
  return new Set([...removed].filter((key) => !kept.has(key)));
}
