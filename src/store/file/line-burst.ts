import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../../clock.ts";
import { keyOf } from "../../task/ids.ts";
import { toMicros } from "../../task/time.ts";
import type { Batch, Batches } from "../group-commit.ts";
import { type BatchEdit, BatchPlan, type ChangeResult, idOf, type Request } from "./batch-plan.ts";
import { lineOf, tombstoneLine } from "./edit.ts";
import type { FileStore } from "./file-store.ts";
import { isLately, type LastWriter, lastWriterOf, noteOf } from "./last-writer.ts";
import { LineLog } from "./line-log.ts";
import { LOCK_WAIT_S, type Lock, withLock } from "./lock.ts";
import type { SharedSnapshot } from "./shared-snapshot.ts";
import type { Snapshot } from "./snapshot.ts";
import { syncDirectory } from "./written-file.ts";

/**
 * The lock is held over some batches, since taking it costs more than one of them. Whoever is seen to wait gets it after
 * the shorter time, and whoever may wait unseen after the longer one. Seconds.
 */
const BURST_S = 0.25;
const LONGEST_BURST_S = 2;
/** Whoever is in the midst of an append of several writes has had time for the rest of it. Seconds. */
const SETTLED_S = 1;
const POLL_MS = 50;
/** Who is settled comes again at once with its next change, if it has one. */
const LINGER_MS = 10;

/** A batch that was taken, but may not be in the file that the path names. */
export interface Unsure {
  readonly batch: Batch<Request, ChangeResult>;
  readonly plan: BatchPlan;
  /** What it is, or was to be, appended to; the taker closes it. */
  readonly snapshot: Snapshot;
  /** What was appended; null if nothing was. */
  readonly appended: BatchEdit | null;
  /** The path names another file now; else one may come that was made of what the file was before. */
  readonly moved: boolean;
}

export interface BurstParts {
  readonly file: FileStore;
  readonly shared: SharedSnapshot;
  readonly clock: Clock;
}

/** Batches that are appended to a file of JSON Lines while the write lock is held. */
export class LineBurst {
  readonly #parts: BurstParts;
  /** What the last burst left: as long as it is read on, nobody has replaced the file. */
  #last: Snapshot | null = null;
  /** Whether somebody else was seen to append to that file: then what wrote lately does not replace it. */
  #othersAppend = false;
  #othersAppended = Number.NEGATIVE_INFINITY;

  constructor(parts: BurstParts) {
    this.#parts = parts;
  }

  /** When somebody was last seen who appends without our lock, monotonic seconds. */
  get othersAppended(): number {
    return this.#othersAppended;
  }

  /**
   * Takes the lock, and batches as long as they come and others have had to wait for no more than a moment. Returns early
   * where nothing can be appended: the file was replaced meanwhile, or ends in an append that was never finished.
   * @throws TtsctlError LOCK_*, STORE_*; what was not settled then is not in the file
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
      if (cut !== null) await open.lock.leave(noteOf(cut, open.others)); // or we took it for somebody's write
      return null;
    }
    const mayBeUndone = this.#lookAround(open);
    const next = this.#nextWhileHeld(open.lock, batches);
    let { size } = snapshot.layout!;
    for (let batch = await batches.next(0); batch !== null; batch = await next()) {
      const plan = new BatchPlan(batch.items);
      const unsure = { batch, plan, snapshot, appended: null, moved: true };
      if (!(await this.#isReady(snapshot))) return leased(unsure);
      if (snapshot.layout!.size !== size) this.#othersAppended = this.#parts.clock.monotonic();
      const from = snapshot.rows.size;
      const edit = await plan.on(snapshot);
      const lines = linesOf(edit, snapshot);
      if (lines.length > 0) {
        const moved = !(await this.#put(open, lines));
        if (!moved) await this.#settled(open);
        if (!moved && snapshot.rows.size > from + lines.length) await this.#giveWay(open, plan, from);
        if (moved || mayBeUndone) return leased({ ...unsure, appended: edit, moved });
      }
      size = snapshot.layout!.size;
      batch.settle(plan.results);
    }
    return null;
  }

  /** Whether a change of ours may be undone: somebody else wrote lately, and not by appending as far as we know. */
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

  /** The name of a file that is new to us may not be on the disk yet, whoever gave it. */
  async #settled({ target, snapshot }: Open): Promise<void> {
    if (snapshot !== this.#last) await syncDirectory(dirname(target));
    this.#last = snapshot;
  }

  /** A record of somebody else that came just before ours, and is newer, is put behind it again. */
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

  /** False where the path named another file right after the append. */
  async #put({ lock, log, snapshot, others }: Open, lines: readonly string[]): Promise<boolean> {
    const before = snapshot.layout!.size;
    const bytes = await log.bytesOf(lines, snapshot);
    await lock.leave(noteOf(snapshot.identity, others, { kind: "append", bytes }));
    try {
      await log.append(bytes);
    } catch (error) {
      // What was taken back changed the file's time.
      const isAsBefore = (await this.#isCurrent(snapshot).catch(() => false)) && snapshot.layout!.size === before;
      if (isAsBefore) await lock.leave(noteOf(snapshot.identity, others));
      throw error;
    }
    if (!(await this.#isCurrent(snapshot))) return false;
    if (snapshot.layout!.size !== before + bytes.length) this.#othersAppended = this.#parts.clock.monotonic();
    await lock.leave(noteOf(snapshot.identity, others));
    return true;
  }

  /**
   * Whether the path still names the file of the snapshot, and it ends in a whole line. One that does not has a second to
   * be finished: its writer may still be at it.
   */
  async #isReady(snapshot: Snapshot): Promise<boolean> {
    const { clock } = this.#parts;
    for (let size = -1, since = 0; ; await sleep(POLL_MS)) {
      if (!(await this.#isCurrent(snapshot))) return false;
      if (snapshot.layout!.unfinished === null) return true;
      const age = clock.now() - Number(snapshot.identity!.mtimeNs) / 1e9;
      if (size !== snapshot.layout!.size) [size, since] = [snapshot.layout!.size, clock.monotonic()];
      // A wall clock that was set back shows an age that is none.
      if (age >= SETTLED_S || clock.monotonic() - since >= SETTLED_S) return false;
    }
  }

  /** Whether the path still names the file of the snapshot, which takes in what was appended to it. */
  async #isCurrent(snapshot: Snapshot): Promise<boolean> {
    const now = await this.#parts.shared.read();
    await now.close();
    return now === snapshot;
  }

  /** What gives the next batch as long as the lock may be held. */
  #nextWhileHeld(lock: Lock, batches: Batches<Request, ChangeResult>) {
    const { clock } = this.#parts;
    const begun = clock.monotonic();
    let end = begun + BURST_S;
    return async () => {
      if (clock.monotonic() >= end && end < begun + LONGEST_BURST_S && !(await lock.isWanted())) end += BURST_S;
      const left = (end - clock.monotonic()) * 1000;
      return left <= 0 ? null : batches.next(Math.min(left, LINGER_MS));
    };
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

/** Of a task that was removed and came anew the end goes first. */
function linesOf({ removed, tasks }: BatchEdit, { rows }: Snapshot): string[] {
  return [...[...removed].map((key) => tombstoneLine(rows, key)), ...tasks.map(lineOf)];
}

/**
 * Records of somebody who appends without our lock, that came between our look at the file and our append, and are newer
 * than ours: the last line counts, so ours hides them.
 * @param from the first row that came after the look
 * @returns by key of the task (`keyOf`): the row of the newest
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
