import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import type { Clock } from "../../clock.ts";
import { closeQuietly, TtsctlError } from "../../errors.ts";
import { JsonSyntaxError } from "../../json/scan.ts";
import { counted } from "../../task/amounts.ts";
import { keyOf } from "../../task/ids.ts";
import { isInvalid, RecordParser, type Task } from "../../task/task.ts";
import { newer } from "../../task/version.ts";
import type { Batch, Batches } from "../group-commit.ts";
import { KeySet } from "../key-table.ts";
import type { TaskId } from "../task-source.ts";
import type { Writable } from "../writable.ts";
import { BatchPlan, type Change, type ChangeResult, type Request } from "./batch-plan.ts";
import { Changes, NO_PUTS } from "./changes.ts";
import { lineOf, tombstoneLine } from "./edit.ts";
import type { FileStore } from "./file-store.ts";
import { sameFile } from "./identity.ts";
import { isLately, LATELY_S, type LastWriter, lastWriterOf, noteOf } from "./last-writer.ts";
import { LineLog } from "./line-log.ts";
import type { Lock } from "./lock.ts";
import { INVALID, SUPERSEDED, TOMBSTONE } from "./rows.ts";
import type { SharedSnapshot } from "./shared-snapshot.ts";
import type { Snapshot } from "./snapshot.ts";
import { syncDirectory } from "./written-file.ts";

/** The lock is held for several batches, since acquiring it costs more than one of them. Seconds. */
const BURST_S = 0.25;
/** How long another process may take for an append of several writes. Seconds. */
const SETTLED_S = 1;
const POLL_MS = 50;
/** A caller whose change is settled may add its next one at once. */
const LINGER_MS = 10;
/** For late lines, if the file is replaced each time. */
const MOST_TRIES = 10;

export interface FileWriterParts {
  /** For rewrites: each reads a new snapshot, which does not grow. */
  readonly file: Writable<FileStore>;
  readonly shared: SharedSnapshot;
  readonly clock: Clock;
  warn(line: string): void;
}

/** A file of JSON Lines that a compaction replaced. Processes that have it open go on appending to it. */
interface ReplacedFile {
  readonly handle: FileHandle;
  /** The new file has what is before it. */
  end: number;
  /** When the watch of it ends, monotonic seconds. */
  until: number;
}

/**
 * Writes the store file for a long-lived process (docs/contract.md, Store file and Library): changes that wait together
 * are written together. JSON Lines are appended to, and compacted when most lines are dead; an array or a map is
 * rewritten. Settled changes are on the disk.
 */
export class FileWriter {
  readonly #parts: FileWriterParts;
  readonly #parser: RecordParser;
  /** The snapshot of the last burst. While it can grow, the file wasn't replaced. */
  #last: Snapshot | null = null;
  /** Whether another process appends to that file, and so doesn't replace it. */
  #othersAppend = false;
  /** When another process last appended without our lock, monotonic seconds. */
  #othersAppended = Number.NEGATIVE_INFINITY;
  #compactAfter = Number.NEGATIVE_INFINITY;
  #left: ReplacedFile | null = null;

  constructor(parts: FileWriterParts) {
    this.#parts = parts;
    this.#parser = new RecordParser(parts.file.rules);
  }

  /**
   * For `GroupCommit`.
   * @throws TtsctlError STORE_*, LOCK_*; batches that weren't settled aren't in the file
   */
  async work(batches: Batches<Request, ChangeResult>): Promise<void> {
    await this.#tryCarryOver();
    const snapshot = await this.#parts.shared.read();
    try {
      if (snapshot.shape !== "jsonl") {
        const batch = await batches.next(0);
        if (batch !== null) await this.#rewrite(batch, new BatchPlan(batch.items), snapshot);
        return;
      }
    } finally {
      await snapshot.close();
    }
    await this.#burst(batches);
    await this.#compact();
  }

  async close(): Promise<void> {
    await this.#tryCarryOver();
    await this.#letGo();
  }

  async #rewrite(batch: Batch<Request, ChangeResult>, plan: BatchPlan, base?: Snapshot): Promise<void> {
    const { returned } = await this.#parts.file.apply((now) => plan.on(now), base);
    settle(batch, plan, returned);
  }

  /** Appends batches for a while. Stops if the file was replaced, or ends in an unfinished append. */
  async #burst(batches: Batches<Request, ChangeResult>): Promise<void> {
    const { file, shared } = this.#parts;
    const target = await file.target();
    const makeSure = await file.withWriteLock(target, async (lock) => {
      await using snapshot = await shared.read();
      const log = snapshot.shape === "jsonl" ? await LineLog.open(target, snapshot) : null;
      if (log === null) return null;
      const last = await lastWriterOf(snapshot, lock.note);
      return await this.#append({ target, lock, log, snapshot, ...last }, batches).finally(() => log.close());
    });
    await makeSure?.();
  }

  /**
   * Returns what settles the last batch, after the lock is released, if its lines may not be in the file that the path
   * names: it watches the path as `edit` does. If the path still names the same file, one that was made of the earlier
   * content may follow.
   */
  async #append(open: Open, batches: Batches<Request, ChangeResult>): Promise<(() => Promise<void>) | null> {
    const { log, snapshot } = open;
    if (!(await this.#isReady(snapshot))) {
      const cut = snapshot.layout!.unfinished === null ? null : await log.cut(snapshot);
      if (cut !== null) await open.lock.leave(noteOf(cut, open.others)); // or the cut would look like another program's write
      return null;
    }
    const mayBeUndone = this.#lookAround(open);
    const { file, clock } = this.#parts;
    const end = clock.monotonic() + BURST_S;
    let { size } = snapshot.layout!;
    for (
      let batch = await batches.next(0);
      batch !== null;
      batch = clock.monotonic() < end ? await batches.next(LINGER_MS) : null
    ) {
      const taken = batch;
      const plan = new BatchPlan(taken.items);
      if (!(await this.#isReady(snapshot))) return () => this.#rewrite(taken, plan);
      if (snapshot.layout!.size !== size) this.#othersAppended = clock.monotonic();
      const from = snapshot.rows.size;
      const edit = await plan.on(snapshot);
      // Tombstones first: a removed task may come again in the same batch.
      const tombstones = Array.from(edit.removed, (key) => tombstoneLine(snapshot.rows, key));
      const lines = [...tombstones, ...plan.tasks.map(lineOf)];
      if (lines.length > 0) {
        const appended = new Changes(snapshot, edit);
        const moved = !(await this.#put(open, lines));
        if (!moved) await this.#settled(open);
        if (!moved && snapshot.rows.size > from + lines.length) await this.#giveWay(open, plan, from);
        if (moved || mayBeUndone) {
          const held = snapshot.share();
          return async () => {
            await using base = held;
            const { returned } = await file.keep(appended, moved ? null : base.identity, sameFile);
            settle(taken, plan, returned);
          };
        }
      }
      size = snapshot.layout!.size;
      taken.settle(plan.results);
    }
    return null;
  }

  /** Whether a change of ours may be undone: another program wrote lately and isn't known to append. */
  #lookAround({ snapshot, isOurs, others }: Open): boolean {
    const { clock } = this.#parts;
    if (snapshot !== this.#last) this.#othersAppend = false;
    if (!isLately(others, clock)) return false;
    if (!isOurs) {
      this.#othersAppended = clock.monotonic();
      if (snapshot === this.#last) this.#othersAppend = true;
    }
    return !this.#othersAppend;
  }

  /** The name of a file that is new to us may not be on the disk yet. */
  async #settled({ target, snapshot }: Open): Promise<void> {
    if (snapshot !== this.#last) await syncDirectory(dirname(target));
    this.#last = snapshot;
  }

  /** A newer record that another program appended just before ours is appended again behind it. */
  async #giveWay(open: Open, plan: BatchPlan, from: number): Promise<void> {
    const { snapshot } = open;
    const hidden = overtaken(snapshot, plan.tasks, from);
    if (hidden.size === 0) return;
    await this.#put(open, (await snapshot.readTasks([...hidden.values()])).map(lineOf));
    plan.results = plan.results.map((result) => {
      const gaveWay = result.outcome === "written" && hidden.has(keyOf(result.id!));
      return gaveWay ? { ...result, outcome: "newer" } : result;
    });
  }

  /** False if the path named another file right after the append. */
  async #put({ lock, log, snapshot, others }: Open, lines: readonly string[]): Promise<boolean> {
    const before = snapshot.layout!.size;
    const bytes = await log.bytesOf(lines, snapshot);
    await lock.leave(noteOf(snapshot.identity, others, { kind: "append", bytes }));
    try {
      await log.append(bytes);
    } catch (error) {
      // Taking the append back changed the file's time.
      const isAsBefore = (await this.#isCurrent(snapshot).catch(() => false)) && snapshot.layout!.size === before;
      if (isAsBefore) await lock.leave(noteOf(snapshot.identity, others));
      throw error;
    }
    if (!(await this.#isCurrent(snapshot))) return false;
    if (snapshot.layout!.size !== before + bytes.length) this.#othersAppended = this.#parts.clock.monotonic();
    await lock.leave(noteOf(snapshot.identity, others));
    return true;
  }

  /** Whether the path still names the snapshot's file, and it ends in a whole line. An unfinished append gets a second. */
  async #isReady(snapshot: Snapshot): Promise<boolean> {
    const { clock } = this.#parts;
    for (let size = -1, since = 0; ; await clock.sleep(POLL_MS)) {
      if (!(await this.#isCurrent(snapshot))) return false;
      if (snapshot.layout!.unfinished === null) return true;
      const age = clock.now() - Number(snapshot.identity!.mtimeNs) / 1e9;
      if (size !== snapshot.layout!.size) [size, since] = [snapshot.layout!.size, clock.monotonic()];
      // The wall clock may have been set back.
      if (age >= SETTLED_S || clock.monotonic() - since >= SETTLED_S) return false;
    }
  }

  /** Whether the path still names the snapshot's file. Adds what was appended to it. */
  async #isCurrent(snapshot: Snapshot): Promise<boolean> {
    const now = await this.#parts.shared.read();
    await now.close();
    return now === snapshot;
  }

  /** Not while another program appends without our lock. A failure is only a warning, and is tried again later. */
  async #compact(): Promise<void> {
    const { shared, clock, warn } = this.#parts;
    if (this.#left !== null) return;
    if (clock.monotonic() < Math.max(this.#compactAfter, this.#othersAppended + LATELY_S)) return;
    await using snapshot = await shared.read().catch(() => null);
    if (snapshot === null) return; // the next batch reports it
    try {
      if (isMostlyDead(snapshot)) await this.#compactNow();
    } catch (error) {
      this.#compactAfter = clock.monotonic() + LATELY_S;
      warn(`${snapshot.path} was not compacted: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async #compactNow(): Promise<void> {
    const { file, clock } = this.#parts;
    const base = await file.read(); // before the lock is held
    let handle: FileHandle | undefined;
    try {
      handle = await open(await file.target(), constants.O_RDONLY | constants.O_NONBLOCK);
      const identity = await handle.stat({ bigint: true });
      let end = Number.POSITIVE_INFINITY;
      const plan = (current: Snapshot) => {
        if (sameFile(current.identity, identity)) end = current.layout!.size;
        return { removed: new Set<number>(), puts: NO_PUTS, dead: deadRows(current) };
      };
      await file.apply(plan, base);
      if (!sameFile(await file.identity(), identity)) {
        this.#left = { handle, end, until: clock.monotonic() + LATELY_S };
      }
    } finally {
      await base.close();
      if (this.#left === null) await closeQuietly(handle);
    }
    await this.#carryOver();
  }

  /** A failure is only a warning: the next change looks for the lines again. */
  async #tryCarryOver(): Promise<void> {
    try {
      await this.#carryOver();
    } catch (error) {
      this.#parts.warn(
        `lines that another process appended during the compaction have not been copied; the next change copies them: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  /** Copies lines that another program still appends to the file that a compaction replaced. */
  async #carryOver(): Promise<void> {
    const left = this.#left;
    if (left === null) return;
    const { file, clock, warn } = this.#parts;
    const { lines, end } = await lateLines(left);
    if (lines.length > 0) {
      const changes = lines.map((line) => this.#changeOf(line)).filter((change) => change !== null);
      warn(
        `${file.path} was compacted, but another process still appended to the old file: ${counted(changes.length, "line")} carried over, ${lines.length - changes.length} unreadable`,
      );
      await this.#appendAll(changes);
      left.end = end;
      left.until = clock.monotonic() + LATELY_S;
    } else if (clock.monotonic() >= left.until) await this.#letGo();
  }

  #changeOf(line: string): Change | null {
    try {
      const bytes = Buffer.from(`${line}\n`);
      const task = this.#parser.parse(bytes);
      if (this.#parser.isTombstone(bytes)) return { id: { userId: task.userId!, taskId: task.taskId! }, task: null };
      return isInvalid(task) ? null : { id: task, task };
    } catch (error) {
      if (error instanceof JsonSyntaxError) return null;
      throw error;
    }
  }

  async #appendAll(changes: readonly Change[]): Promise<void> {
    const due = changes.length === 0 ? [] : [{ items: changes, settle: () => {} }];
    // A burst takes nothing if the file was replaced just then.
    for (let tries = 0; due.length > 0 && tries < MOST_TRIES; tries++) {
      await this.#burst({ next: async () => due.shift() ?? null });
    }
    if (due.length > 0) throw new TtsctlError("STORE_BUSY", `${this.#parts.file.path} is replaced too often`);
  }

  async #letGo(): Promise<void> {
    const left = this.#left;
    this.#left = null;
    await closeQuietly(left?.handle);
  }
}

interface Open extends LastWriter {
  readonly target: string;
  readonly lock: Lock;
  readonly log: LineLog;
  readonly snapshot: Snapshot;
}

function settle(batch: Batch<Request, ChangeResult>, plan: BatchPlan, returned: readonly TaskId[]): void {
  const keys = new Set(returned.map(keyOf));
  const isReturned = ({ outcome, id }: ChangeResult) => {
    return id !== null && outcome !== "unchanged" && keys.has(keyOf(id));
  };
  batch.settle(plan.results.map((result) => (isReturned(result) ? { ...result, outcome: "returned" } : result)));
}

/**
 * Newer records that another program appended between our look at the file and our append: the last line counts, so
 * ours hides them.
 * @param from the first row after the look
 * @returns by `keyOf` of the task: the row of the newest
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

/** The whole lines that were appended to a replaced file, and where they end. */
async function lateLines({ handle, end }: ReplacedFile): Promise<{ lines: string[]; end: number }> {
  const length = Math.max(0, (await handle.stat()).size - end);
  const { buffer } = await handle.read(Buffer.alloc(length), 0, length, length === 0 ? 0 : end);
  const whole = buffer.lastIndexOf("\n") + 1;
  const lines = buffer.toString("utf8", 0, whole).split("\n");
  return { lines: lines.filter((line) => line.trim() !== ""), end: end + whole };
}

const LEAST_DEAD = 100;

function isMostlyDead(snapshot: Snapshot): boolean {
  const { rows, invalid } = snapshot;
  const outweigh = (dead: number) => dead >= LEAST_DEAD && dead > rows.live;
  // The first count is quick; the second one leaves out the lines that must be kept.
  return outweigh(rows.size - rows.live - invalid.count) && outweigh(deadRows(snapshot).size);
}

/** Lines that a later one replaced, and those of deleted tasks. A task with an invalid line keeps all of its lines. */
function deadRows({ rows, shape }: Snapshot): KeySet {
  const dead = new KeySet(rows.size);
  if (shape !== "jsonl") return dead;
  const unclear = new Set<number>();
  for (let row = 0; row < rows.size; row++) if (rows.state(row) === INVALID) unclear.add(rows.key(row));
  for (let row = 0; row < rows.size; row++) {
    const state = rows.state(row);
    if ((state === SUPERSEDED || state === TOMBSTONE) && !unclear.has(rows.key(row))) dead.add(row);
  }
  return dead;
}
