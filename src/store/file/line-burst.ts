import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../../clock.ts";
import { closeQuietly, describeSystemError, TtsctlError } from "../../errors.ts";
import { keyOf } from "../../task/ids.ts";
import type { RecordRules } from "../../task/rules.ts";
import { toMicros } from "../../task/time.ts";
import type { Batch, Batches } from "../group-commit.ts";
import { BatchPlan, type ChangeResult, idOf, type Request } from "./batch-plan.ts";
import { type Edit, lineOf, tombstoneLine } from "./edit.ts";
import type { FileStore } from "./file-store.ts";
import { type FileIdentity, identityOf, sameFile } from "./identity.ts";
import { LandedEdit } from "./landed-edit.ts";
import { isLately, type LastWriter, lastWriterOf, noteOf } from "./last-writer.ts";
import { LOCK_WAIT_S, type Lock, withLock } from "./lock.ts";
import type { SharedSnapshot } from "./shared-snapshot.ts";
import type { Snapshot } from "./snapshot.ts";
import { readUpserts } from "./upserts.ts";
import { syncDirectory } from "./written-file.ts";

/** The lock is held for several batches, since acquiring it costs more than one of them. Seconds. */
const BURST_S = 0.25;
/** How long another process may take for an append of several writes. Seconds. */
const SETTLED_S = 1;
const POLL_MS = 50;
/** A caller whose change is settled may add its next one at once. */
const LINGER_MS = 10;

/** A batch that was taken, but may not be in the file that the path names. */
export interface Unsure {
  readonly batch: Batch<Request, ChangeResult>;
  readonly plan: BatchPlan;
  /** The file that it was appended to, or was to be; the receiver closes it. */
  readonly snapshot: Snapshot;
  /** Null if nothing was appended. */
  readonly appended: LandedEdit | null;
  /** Whether the path names another file now. If not, one that was made of the earlier content may follow. */
  readonly moved: boolean;
}

export interface FileWriterParts {
  /** For rewrites: each reads a snapshot of its own, which does not grow. */
  readonly file: FileStore;
  /** The rows of the file as it grows. */
  readonly shared: SharedSnapshot;
  readonly rules: RecordRules;
  readonly clock: Clock;
  /** Receives a line for the operator. */
  warn(line: string): void;
}

/** Batches that are appended to a file of JSON Lines while the write lock is held. */
export class LineBurst {
  readonly #parts: FileWriterParts;
  /** The snapshot of the last burst. While it can grow, the file wasn't replaced. */
  #last: Snapshot | null = null;
  /** Whether another process appends to that file, and so doesn't replace it. */
  #othersAppend = false;
  #othersAppended = Number.NEGATIVE_INFINITY;

  constructor(parts: FileWriterParts) {
    this.#parts = parts;
  }

  /** When another process last appended without our lock, monotonic seconds. */
  get othersAppended(): number {
    return this.#othersAppended;
  }

  /**
   * Acquires the lock and takes batches while they come and other processes don't wait long. Returns early if nothing can be
   * appended: the file was replaced, or ends in an unfinished append.
   * @throws TtsctlError LOCK_*, STORE_*; batches that weren't settled aren't in the file
   */
  async run(batches: Batches<Request, ChangeResult>): Promise<Unsure | null> {
    const { file, shared } = this.#parts;
    const target = await file.target();
    return withLock(target, "write", LOCK_WAIT_S, async (lock) => {
      const snapshot = await shared.read();
      try {
        const log = snapshot.shape === "jsonl" ? await LineLog.open(target, snapshot) : null;
        if (log === null) return null;
        const last = await lastWriterOf(snapshot, lock.note);
        return await this.#append({ target, lock, log, snapshot, ...last }, batches).finally(() => log.close());
      } finally {
        await snapshot.close();
      }
    });
  }

  async #append(open: Open, batches: Batches<Request, ChangeResult>): Promise<Unsure | null> {
    const { log, snapshot } = open;
    if (!(await this.#isReady(snapshot))) {
      const cut = snapshot.layout!.unfinished === null ? null : await log.cut(snapshot);
      if (cut !== null) await open.lock.leave(noteOf(cut, open.others)); // or the cut would look like another program's write
      return null;
    }
    const mayBeUndone = this.#lookAround(open);
    const { clock } = this.#parts;
    const end = clock.monotonic() + BURST_S;
    let { size } = snapshot.layout!;
    for (
      let batch = await batches.next(0);
      batch !== null;
      batch = clock.monotonic() < end ? await batches.next(LINGER_MS) : null
    ) {
      const plan = new BatchPlan(batch.items);
      const unsure = { batch, plan, snapshot, appended: null, moved: true };
      if (!(await this.#isReady(snapshot))) return leased(unsure);
      if (snapshot.layout!.size !== size) this.#othersAppended = clock.monotonic();
      const from = snapshot.rows.size;
      const edit = await plan.on(snapshot);
      const lines = await linesOf(edit, snapshot);
      if (lines.length > 0) {
        const appended = new LandedEdit(snapshot, edit);
        const moved = !(await this.#put(open, lines));
        if (!moved) await this.#settled(open);
        if (!moved && snapshot.rows.size > from + lines.length) await this.#giveWay(open, plan, from);
        if (moved || mayBeUndone) return leased({ ...unsure, appended, moved });
      }
      size = snapshot.layout!.size;
      batch.settle(plan.results);
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
    const hidden = overtaken(snapshot, plan.results, from);
    if (hidden.size === 0) return;
    await this.#put(open, (await snapshot.readTasks([...hidden.values()])).map(lineOf));
    plan.results = plan.results.map((result) => {
      const gaveWay = result.outcome === "written" && hidden.has(keyOf(idOf(result.change!)));
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
    for (let size = -1, since = 0; ; await sleep(POLL_MS)) {
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
}

interface Open extends LastWriter {
  readonly target: string;
  readonly lock: Lock;
  readonly log: LineLog;
  readonly snapshot: Snapshot;
}

function leased(unsure: Unsure): Unsure {
  unsure.snapshot.share();
  return unsure;
}

/** Tombstones first: a removed task may come again in the same batch. */
async function linesOf({ removed, upserts }: Edit, { rows }: Snapshot): Promise<string[]> {
  const lines = Array.from(removed, (key) => tombstoneLine(rows, key));
  for await (const task of readUpserts(upserts)) lines.push(lineOf(task));
  return lines;
}

/**
 * Newer records that another program appended between our look at the file and our append: the last line counts, so
 * ours hides them.
 * @param from the first row after the look
 * @returns by `keyOf` of the task: the row of the newest
 */
function overtaken(snapshot: Snapshot, results: readonly ChangeResult[], from: number): Map<string, number> {
  const { rows } = snapshot;
  const hidden = new Map<string, number>();
  for (const { change } of results) {
    if (change?.kind !== "upsert") continue;
    const { score } = change.task;
    const key = snapshot.keyOf(change.task);
    for (let row = from; row < rows.size; row++) {
      if (rows.key(row) !== key || !(toMicros(rows.score(row)) > toMicros(score))) continue;
      if (row !== rows.liveRow(key)) hidden.set(keyOf(change.task), row);
    }
  }
  return hidden;
}

const NEWLINE = 0x0a;

/**
 * A file of JSON Lines, open for appending under the write lock, with `O_APPEND`: nothing is lost that another program
 * appends without the lock.
 */
export class LineLog {
  readonly #path: string;
  readonly #handle: FileHandle;

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  /**
   * Opens the snapshot's file; null if the path names another one by now.
   * @throws TtsctlError STORE_WRITE_FAILED
   */
  static async open(path: string, snapshot: Snapshot): Promise<LineLog | null> {
    const handle = await open(path, constants.O_RDWR | constants.O_APPEND | constants.O_NONBLOCK).catch((cause) => {
      throw appendFailed(path, cause);
    });
    if (sameFile(identityOf(await handle.stat({ bigint: true })), snapshot.identity)) return new LineLog(path, handle);
    await closeQuietly(handle);
    return null;
  }

  /**
   * Cuts off an unfinished append. Returns the new identity; null if the file changed since it was read.
   * @throws TtsctlError STORE_WRITE_FAILED
   */
  async cut({ layout }: Snapshot): Promise<FileIdentity | null> {
    if ((await this.#handle.stat()).size !== layout!.size) return null;
    await this.#handle.truncate(layout!.unfinished!).catch((cause) => {
      throw appendFailed(this.#path, cause);
    });
    return identityOf(await this.#handle.stat({ bigint: true }));
  }

  async bytesOf(lines: readonly string[], snapshot: Snapshot): Promise<Buffer> {
    const { size } = snapshot.layout!;
    const endsLine = (await snapshot.readBytes(size - 1, size))[0] === NEWLINE;
    const texts = endsLine ? lines : ["\n", ...lines];
    return Buffer.concat(texts.map((text) => Buffer.from(text))); // as one string it might be too long
  }

  /**
   * Appends whole lines; they are on the disk when it returns.
   * @throws TtsctlError STORE_WRITE_FAILED; the lines are taken back, or if that fails too, an unfinished append is left
   */
  async append(bytes: Buffer): Promise<void> {
    let done = 0;
    try {
      while (done < bytes.length) done += (await this.#handle.write(bytes, done, bytes.length - done)).bytesWritten;
      await this.#handle.datasync();
    } catch (cause) {
      await this.#takeBack(bytes.subarray(0, done)).catch(() => {});
      throw appendFailed(this.#path, cause);
    }
  }

  async close(): Promise<void> {
    await closeQuietly(this.#handle);
  }

  /** Cuts the written bytes off the end, unless another program has appended behind them. */
  async #takeBack(written: Buffer): Promise<void> {
    const from = (await this.#handle.stat()).size - written.length;
    const { buffer } = await this.#handle.read(Buffer.alloc(written.length), 0, written.length, from);
    if (!buffer.equals(written)) return;
    await this.#handle.truncate(from);
    await this.#handle.datasync();
  }
}

function appendFailed(path: string, cause: unknown): TtsctlError {
  return new TtsctlError("STORE_WRITE_FAILED", `cannot append to ${path}: ${describeSystemError(cause)}`, {
    hint: "check free disk space, and the owner and mode of the file",
    cause,
  });
}
