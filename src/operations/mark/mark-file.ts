import { TtsctlError } from "../../errors.ts";
import type { Edit } from "../../store/file/edit.ts";
import type { FileStore } from "../../store/file/file-store.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { type Upserts, upsertsFrom } from "../../store/file/upserts.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { Task } from "../../task/task.ts";
import type { Marker } from "./marker.ts";
import type { Marks } from "./marks.ts";

/** What a rewrite of the file came to: the entries that the service changed first, and the tasks that it brought back. */
export interface FileMarks {
  readonly changed: ReadonlySet<number>;
  /** Whether the file was another one by then than the one that was decided on. */
  readonly moved: boolean;
  readonly returned: readonly TaskId[];
}

/**
 * Marks the tasks in the file, in one rewrite. A task that is no longer as it was decided on stays as it is.
 * @throws TtsctlError STORE_*, LOCK_*
 */
export async function markInFile(file: FileStore, marks: Marks, marker: Marker): Promise<FileMarks> {
  let changed = new Set<number>();
  let moved = false;
  const plan = (current: Snapshot): Edit => {
    changed = new Set();
    moved = current !== marks.base;
    return { removed: new Set(), upserts: markedRecords(current, dueRows(marks, current, changed), marker) };
  };
  const { returned } = await file.edit(plan, marks.base);
  return { changed, moved, returned };
}

/** The rows that are still to be marked, ascending. */
function dueRows(marks: Marks, current: Snapshot, changed: Set<number>): number[] {
  const due: number[] = [];
  for (let entry = 0; entry < marks.size; entry++) {
    const row = current === marks.base ? marks.row(entry) : rowOf(current, marks.id(entry));
    if (row >= 0 && marks.isAsDecided(entry, current, row)) due.push(row);
    else changed.add(entry);
  }
  return due.sort((a, b) => a - b);
}

function rowOf(current: Snapshot, { userId, taskId }: TaskId): number {
  return current.hasInvalid(userId, taskId) ? -1 : current.rowOf(userId, taskId);
}

/** The marked records as the file has them now; where it has another one the service wrote after the mark. */
export async function readMarked(
  current: Snapshot,
  marks: Marks,
  entries: readonly number[],
): Promise<(Task | string)[]> {
  const rows = entries.map((entry) => {
    const row = rowOf(current, marks.id(entry));
    return row >= 0 && current.rows.score(row) === marks.score(entry) ? row : -1;
  });
  const tasks = (await current.readTasks(rows.filter((row) => row >= 0)))[Symbol.iterator]();
  return rows.map((row) => (row < 0 ? CHANGED_SINCE : (tasks.next().value as Task)));
}

const CHANGED_SINCE = "the service changed it in the file after it was marked";

/** The records of some rows, marked when they are read. */
function markedRecords(current: Snapshot, rows: readonly number[], marker: Marker): Upserts {
  const records = upsertsFrom(current, rows);
  const read = async (numbers: readonly number[]) => {
    return (await records.read(numbers)).map((task) => {
      const marked = marker.mark(task);
      if (typeof marked === "object") return marked;
      throw new TtsctlError("INTERNAL", `${task.userId}:${task.taskId} could not be marked after all: ${marked}`);
    });
  };
  return { ...records, read };
}
