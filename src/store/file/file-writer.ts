import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../../clock.ts";
import { TtsctlError } from "../../errors.ts";
import type { Batch, Batches } from "../group-commit.ts";
import type { TaskId } from "../task-source.ts";
import { BatchPlan, type Change, type ChangeResult, idOf } from "./batch-plan.ts";
import { isMostlyDead, planCompaction } from "./compaction.ts";
import { type FileStore, WATCH_POLL_MS, WATCH_S } from "./file-store.ts";
import { sameFile } from "./identity.ts";
import { LATELY_S } from "./last-writer.ts";
import { LineBurst, type Unsure } from "./line-burst.ts";
import { LIVE, TOMBSTONE } from "./rows.ts";
import { shapeAt } from "./shape.ts";
import type { SharedSnapshot } from "./shared-snapshot.ts";
import type { Snapshot } from "./snapshot.ts";

export interface FileWriterParts {
  /** For rewrites: each reads a snapshot of its own, which does not grow. */
  readonly file: FileStore;
  /** The rows of the file as it grows. */
  readonly shared: SharedSnapshot;
  readonly clock: Clock;
  /** Told what an operator should know, one line. */
  warn(line: string): void;
}

/**
 * The write side of a store file for a process that lives on (SPEC sections 2 and 9): changes that wait together are
 * written together. JSON Lines are appended to, and compacted when dead lines outweigh the others; an array or a map is
 * rewritten. What is settled is on the disk.
 */
export class FileWriter {
  readonly #parts: FileWriterParts;
  readonly #burst: LineBurst;
  #compactAfter = Number.NEGATIVE_INFINITY;

  constructor(parts: FileWriterParts) {
    this.#parts = parts;
    this.#burst = new LineBurst(parts);
  }

  /**
   * Works on what waits, as `GroupCommit` asks for.
   * @throws TtsctlError STORE_*, LOCK_*; what was not settled then is not in the file
   */
  async work(batches: Batches<Change, ChangeResult>): Promise<void> {
    if ((await shapeAt(this.#parts.file.path)) === "jsonl") {
      const unsure = await this.#burst.run(batches);
      if (unsure !== null) await this.#makeSure(unsure);
      await this.#compact();
      return;
    }
    const batch = await batches.next(0);
    if (batch !== null) await this.#rewrite(batch, new BatchPlan(batch.items), false);
  }

  /** @param wasThere whether the change was in the file already */
  async #rewrite(batch: Batch<Change, ChangeResult>, plan: BatchPlan, wasThere: boolean): Promise<void> {
    const { file } = this.#parts;
    const { returned } = await file.edit((now, landed) => (landed || wasThere ? plan.again(now) : plan.on(now)));
    settle(batch, plan, returned);
  }

  /** Watches the path for a file that lacks what was appended, as `edit` watches a rewrite, and makes the change again. */
  async #makeSure({ batch, plan, snapshot, appended, moved }: Unsure): Promise<void> {
    try {
      if (!moved && !(await this.#isReplaced(snapshot))) return batch.settle(plan.results);
      await this.#rewrite(batch, plan, appended);
    } finally {
      await snapshot.close();
    }
  }

  async #isReplaced(snapshot: Snapshot): Promise<boolean> {
    const { file, clock } = this.#parts;
    for (const deadline = clock.monotonic() + WATCH_S; clock.monotonic() < deadline; await sleep(WATCH_POLL_MS)) {
      if (!sameFile(await file.identity(), snapshot.identity)) return true;
    }
    return false;
  }

  /**
   * Not beside somebody who appends without our lock: what they append to the old file meanwhile would be lost. A
   * failure is no failure of a change; it is told, and tried again later.
   */
  async #compact(): Promise<void> {
    const { shared, clock, warn } = this.#parts;
    if (clock.monotonic() < Math.max(this.#compactAfter, this.#burst.othersAppended + LATELY_S)) return;
    const snapshot = await shared.read().catch(() => null);
    if (snapshot === null) return; // the next batch will hear of it
    try {
      if (isMostlyDead(snapshot)) await this.#compactNow(snapshot);
    } catch (error) {
      if (!(error instanceof TtsctlError)) throw error;
      this.#compactAfter = clock.monotonic() + LATELY_S;
      warn(`${snapshot.path} was not compacted: ${error.message}`);
    } finally {
      await snapshot.close();
    }
  }

  async #compactNow(snapshot: Snapshot): Promise<void> {
    const base = snapshot.frozen();
    let planned: Snapshot = base;
    try {
      const plan = (current: Snapshot) => {
        planned = current;
        return planCompaction(current);
      };
      await this.#parts.file.edit(plan, base);
      if (sameFile(planned.identity, snapshot.identity)) await this.#carryOver(snapshot, planned.rows.size);
    } finally {
      await base.close();
    }
  }

  /** Somebody may have opened the file before it was replaced, and appended to it after: that goes into the new one. */
  async #carryOver(old: Snapshot, from: number): Promise<void> {
    if (!(await old.grow()) || old.rows.size === from) return;
    const changes: Change[] = [];
    for (let row = from; row < old.rows.size; row++) changes.push(...(await changeOf(old, row)));
    let left: Batch<Change, ChangeResult> | null = { items: changes, settle: () => {} };
    const next = async () => {
      const batch = left;
      left = null;
      return batch;
    };
    const unsure = await this.#burst.run({ next });
    if (unsure !== null) await this.#makeSure(unsure);
  }
}

async function changeOf(snapshot: Snapshot, row: number): Promise<Change[]> {
  const { rows } = snapshot;
  const key = rows.key(row);
  if (key < 0 || rows.liveRow(key) > row) return [];
  if (rows.state(row) === LIVE) return [{ kind: "upsert", task: (await snapshot.readTasks([row]))[0]! }];
  if (rows.state(row) !== TOMBSTONE) return [];
  return [{ kind: "remove", id: { userId: rows.keys.userId(key), taskId: rows.keys.taskId(key) } }];
}

/** What somebody keeps undoing is told as such. */
function settle(batch: Batch<Change, ChangeResult>, plan: BatchPlan, returned: readonly TaskId[]): void {
  const isReturned = (change: Change) => {
    const id = idOf(change);
    return returned.some(({ userId, taskId }) => userId === id.userId && taskId === id.taskId);
  };
  const told = ({ outcome, before }: ChangeResult, i: number): ChangeResult => {
    return { outcome: isReturned(batch.items[i]!) ? "returned" : outcome, before };
  };
  batch.settle(plan.results.map(told));
}
