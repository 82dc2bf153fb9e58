import { dirname } from "node:path";
import type { Clock } from "../../clock.ts";
import { keyOf } from "../../task/ids.ts";
import type { Task } from "../../task/task.ts";
import { newer } from "../../task/version.ts";
import type { Writable } from "../writable.ts";
import { type ChangeResult, planBatch, type Request } from "./batch-plan.ts";
import { NO_EDIT } from "./changes.ts";
import { lineOf, tombstoneLine } from "./edit.ts";
import { type FileStore, type Landed, owedOf } from "./file-store.ts";
import { sameFile } from "./identity.ts";
import { isLately, type LastWriter, lastWriterOf, noteOf } from "./last-writer.ts";
import { LineLog } from "./line-log.ts";
import type { Lock } from "./lock.ts";
import type { SharedSnapshot } from "./shared-snapshot.ts";
import type { Snapshot } from "./snapshot.ts";
import { changesOf, type MadeChange, NOT_WATCHED, UndoWatch, type Watched } from "./undo-watch.ts";
import { syncDirectory } from "./written-file.ts";

/** How long another process may take for an append of several writes. Seconds. */
const SETTLED_S = 1;
const POLL_MS = 50;

export interface FileWriterParts {
  /** For rewrites: each reads a new snapshot, which does not grow. */
  readonly file: Writable<FileStore>;
  readonly shared: SharedSnapshot;
  readonly clock: Clock;
  /** Whether there is a Redis that deletions are owed to. */
  readonly owes: boolean;
  warn(line: string): void;
}

/**
 * Writes the store file for a long-lived process (docs/contract.md, Store file and Library): changes that wait together
 * are written together. JSON Lines are appended to; an array or a map is rewritten.
 * @returns decides on a content in which no change is undone, and returns once that is on the disk; throws STORE_*, LOCK_*
 */
export function fileWriter({ file, shared, clock, owes, warn }: FileWriterParts) {
  /** The snapshot of the last append. While it can grow, the file wasn't replaced. */
  let last: Snapshot | null = null;
  /** Whether another process appends to that file, and so doesn't replace it. */
  let othersAppend = false;
  let compaction: Promise<void> | undefined;
  const watch = new UndoWatch(file, clock, owes);

  async function rewrite(requests: readonly Request[], base: Snapshot): Promise<BatchWritten | "behind"> {
    let results: readonly ChangeResult[] | null = null;
    let made: readonly MadeChange[] = [];
    let watched = Promise.resolve(NOT_WATCHED);
    const planned = async (current: Snapshot, note: string) => {
      results = null;
      if (await watch.isBehind(current, note)) return NO_EDIT;
      const plan = await planBatch(requests, current);
      const { others } = await lastWriterOf(current, note);
      made = watch.isWatching || isLately(others, clock) ? await changesOf(plan.edit, current)() : [];
      if (owes) await file.owed.add(owedOf(plan.edit, current));
      results = plan.results;
      return plan.edit;
    };
    const done = async ({ identity, wroteLately }: Landed) => {
      watched = watch.add(made, identity, !wroteLately);
    };
    await file.land(planned, done, base);
    return results === null ? "behind" : { results, watched };
  }

  /** Null if the file was replaced, or an unfinished append was cut off: it is to be looked at again. */
  async function append(requests: readonly Request[]): Promise<BatchWritten | "behind" | null> {
    const target = await file.target();
    return file.withWriteLock(target, async (lock) => {
      await using snapshot = await shared.read();
      await using log = snapshot.shape === "jsonl" ? await LineLog.open(target, snapshot) : null;
      if (log === null) return null;
      if (await watch.isBehind(snapshot, lock.note)) return "behind";
      const open = { target, lock, log, snapshot, ...(await lastWriterOf(snapshot, lock.note)) };
      if (await isReady(snapshot)) return await appendTo(open, requests);
      const cut = snapshot.layout!.unfinished === null ? null : await log.cut(snapshot);
      if (cut !== null) await lock.leave(noteOf(cut, open.others, undefined, open.since)); // or the cut would look like another program's write
      return null;
    });
  }

  /** If another file may follow that was made of the earlier content, the lines are watched as `apply` does. */
  async function appendTo(open: Open, requests: readonly Request[]): Promise<BatchWritten> {
    const { snapshot } = open;
    const mayBeUndone = lookAround(open);
    const from = snapshot.rows.size;
    const { edit, tasks, results } = await planBatch(requests, snapshot);
    // Tombstones first: a removed task may come again in the same batch.
    const tombstones = Array.from(edit.removed, (key) => tombstoneLine(snapshot.rows, key));
    const lines = [...tombstones, ...tasks.map(lineOf)];
    if (lines.length === 0) return { results, watched: Promise.resolve(NOT_WATCHED) };
    if (owes) await file.owed.add(owedOf(edit, snapshot));
    const changes = changesOf(edit, snapshot);
    const isWatched = mayBeUndone || watch.isWatching;
    const made = isWatched ? await changes() : [];
    const moved = !(await put(open, lines));
    let hidden = new Map<string, number>();
    if (!moved) {
      // The name of a file that is new to us may not be on the disk yet.
      if (snapshot !== last) await syncDirectory(dirname(open.target));
      last = snapshot;
      if (snapshot.rows.size > from + lines.length) hidden = overtaken(snapshot, tasks, from);
    }
    if (hidden.size > 0) await put(open, (await snapshot.readTasks([...hidden.values()])).map(lineOf));
    const all = moved && !isWatched ? await changes() : made;
    const watched = watch.add(all, moved ? null : snapshot.identity, !moved && !mayBeUndone, sameFile);
    const gaveWay = ({ id, outcome }: ChangeResult) => outcome === "written" && hidden.has(keyOf(id!));
    return { results: results.map((one) => (gaveWay(one) ? { ...one, outcome: "newer" } : one)), watched };
  }

  /** Whether a change of ours may be undone: another program wrote lately and isn't known to append. */
  function lookAround({ snapshot, isOurs, others }: Open): boolean {
    if (snapshot !== last) othersAppend = false;
    if (!isLately(others, clock)) return false;
    if (!isOurs && snapshot === last) othersAppend = true;
    return !othersAppend;
  }

  /** False if the path named another file right after the append. */
  async function put({ lock, log, snapshot, others, since }: Open, lines: readonly string[]): Promise<boolean> {
    const before = snapshot.layout!.size;
    const bytes = await log.bytesOf(lines, snapshot);
    await lock.leave(noteOf(snapshot.identity, others, { kind: "append", bytes }, since.slice(1)));
    try {
      await log.append(bytes, before);
    } catch (error) {
      // Else the blanks would look like another program's write.
      const stays = await isCurrent(snapshot).catch(() => false);
      const isBlank = stays && (await snapshot.readBytes(before, snapshot.layout!.size)).toString().trim() === "";
      if (isBlank) await lock.leave(noteOf(snapshot.identity, others, undefined, since));
      throw error;
    }
    if (!(await isCurrent(snapshot))) return false;
    await lock.leave(noteOf(snapshot.identity, others, undefined, since));
    return true;
  }

  /** Whether the path still names the snapshot's file, and it ends in a whole line. An unfinished append gets a second. */
  async function isReady(snapshot: Snapshot): Promise<boolean> {
    for (let size = -1, since = 0; ; await clock.sleep(POLL_MS)) {
      if (!(await isCurrent(snapshot))) return false;
      if (snapshot.layout!.unfinished === null) return true;
      const age = clock.now() - Number(snapshot.identity!.mtimeNs) / 1e9;
      if (size !== snapshot.layout!.size) [size, since] = [snapshot.layout!.size, clock.monotonic()];
      // The wall clock may have been set back.
      if (age >= SETTLED_S || clock.monotonic() - since >= SETTLED_S) return false;
    }
  }

  /** Whether the path still names the snapshot's file. Adds what was appended to it. */
  async function isCurrent(snapshot: Snapshot): Promise<boolean> {
    const now = await shared.read();
    await now.close();
    return now === snapshot;
  }

  return async (requests: readonly Request[]): Promise<BatchWritten> => {
    for (;;) {
      const snapshot = await shared.read();
      const isLog = snapshot.shape === "jsonl";
      if (isLog) compaction ??= file.compact(snapshot, warn);
      await compaction;
      const writing = isLog ? append(requests) : rewrite(requests, snapshot);
      const written = await writing.finally(() => snapshot.close());
      if (written === "behind") await watch.repeat();
      else if (written !== null) return written;
    }
  };
}

/** Changes that are on the disk. */
interface BatchWritten {
  readonly results: readonly ChangeResult[];
  /** Never fails. */
  readonly watched: Promise<Watched>;
}

interface Open extends LastWriter {
  readonly target: string;
  readonly lock: Lock;
  readonly log: LineLog;
  readonly snapshot: Snapshot;
}

/**
 * By `keyOf`: the rows of newer records that another program appended between our look at the file and our append. Ours
 * come later and hide them, so they are appended again. @param from the first row after the look
 */
function overtaken(snapshot: Snapshot, tasks: readonly Task[], from: number): Map<string, number> {
  const { rows } = snapshot;
  const hidden = new Map<string, number>();
  for (const task of tasks) {
    const key = snapshot.keyOf(task);
    for (let row = from; row < rows.size; row++) {
      if (rows.key(row) !== key || !newer(rows.score(row), task.score)) continue;
      if (row !== rows.liveRow(key)) hidden.set(keyOf(task), row);
    }
  }
  return hidden;
}
