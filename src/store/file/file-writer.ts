import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { closeQuietly, TtsctlError } from "../../errors.ts";
import { JsonSyntaxError } from "../../json/scan.ts";
import { counted } from "../../task/amounts.ts";
import type { RecordRules } from "../../task/rules.ts";
import { isInvalid, RecordParser } from "../../task/task.ts";
import type { Batch, Batches } from "../group-commit.ts";
import { KeySet } from "../key-table.ts";
import type { TaskId } from "../task-source.ts";
import { BatchPlan, type Change, type ChangeResult, idOf, type Request } from "./batch-plan.ts";
import type { Edit } from "./edit.ts";
import type { PlanEdit } from "./file-store.ts";
import { type FileIdentity, identityOf, sameFile } from "./identity.ts";
import { LATELY_S } from "./last-writer.ts";
import { type FileWriterParts, LineBurst, type Unsure } from "./line-burst.ts";
import { INVALID, SUPERSEDED, TOMBSTONE } from "./rows.ts";
import { shapeAt } from "./scanner.ts";
import type { Snapshot } from "./snapshot.ts";
import { NO_UPSERTS } from "./upserts.ts";

/** For late lines, if the file is replaced each time. */
const MOST_TRIES = 10;

/**
 * Writes the store file for a long-lived process (SPEC sections 2 and 9): changes that wait together are written together.
 * JSON Lines are appended to, and compacted when most lines are dead; an array or a map is rewritten. Settled changes are
 * on the disk.
 */
export class FileWriter {
  readonly #parts: FileWriterParts;
  readonly #burst: LineBurst;
  #compactAfter = Number.NEGATIVE_INFINITY;
  /** The file that the last compaction replaced, and until when it is watched. */
  #left: { readonly file: LeftFile; until: number } | null = null;

  constructor(parts: FileWriterParts) {
    this.#parts = parts;
    this.#burst = new LineBurst(parts);
  }

  /**
   * For `GroupCommit`.
   * @throws TtsctlError STORE_*, LOCK_*; batches that weren't settled aren't in the file
   */
  async work(batches: Batches<Request, ChangeResult>): Promise<void> {
    await this.#tryCarryOver();
    if ((await shapeAt(this.#parts.file.path)) === "jsonl") {
      const unsure = await this.#burst.run(batches);
      if (unsure !== null) await this.#makeSure(unsure);
      await this.#compact();
      return;
    }
    const batch = await batches.next(0);
    if (batch === null) return;
    const plan = new BatchPlan(batch.items);
    await this.#rewrite(batch, plan, (now) => plan.on(now));
  }

  async close(): Promise<void> {
    await this.#tryCarryOver();
    await this.#letGo();
  }

  /** A failure is only a warning: the next change looks for the lines again. */
  async #tryCarryOver(): Promise<void> {
    try {
      await this.#carryOver();
    } catch (error) {
      this.#parts.warn(`late lines were not carried over: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async #letGo(): Promise<void> {
    const left = this.#left;
    this.#left = null;
    await left?.file.close();
  }

  async #rewrite(batch: Batch<Request, ChangeResult>, plan: BatchPlan, planEdit: PlanEdit): Promise<void> {
    const { returned } = await this.#parts.file.edit(planEdit);
    settle(batch, plan, returned);
  }

  /** Watches the path for a file that lacks the appended lines, as `edit` does, and makes the change again. */
  async #makeSure({ batch, plan, snapshot, appended, moved }: Unsure): Promise<void> {
    try {
      if (appended === null) return await this.#rewrite(batch, plan, (now) => plan.on(now));
      const { returned } = await this.#parts.file.keep(appended, moved ? null : snapshot.identity, sameFile);
      settle(batch, plan, returned);
    } finally {
      await snapshot.close();
    }
  }

  /**
   * Not while another program appends without our lock: its appends to the old file would be lost. A failure is only a
   * warning, and is tried again later.
   */
  async #compact(): Promise<void> {
    const { shared, clock, warn } = this.#parts;
    if (this.#left !== null) return;
    if (clock.monotonic() < Math.max(this.#compactAfter, this.#burst.othersAppended + LATELY_S)) return;
    const snapshot = await shared.read().catch(() => null);
    if (snapshot === null) return; // the next batch reports it
    try {
      if (isMostlyDead(snapshot)) await this.#compactNow();
    } catch (error) {
      this.#compactAfter = clock.monotonic() + LATELY_S;
      warn(`${snapshot.path} was not compacted: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      await snapshot.close();
    }
  }

  async #compactNow(): Promise<void> {
    const { file, rules, clock } = this.#parts;
    const base = await file.read(); // before the lock is held
    const left = await LeftFile.open(await file.target(), rules).catch(async (error) => {
      await base.close();
      throw error;
    });
    const plan = (current: Snapshot) => {
      if (sameFile(current.identity, left.identity)) left.carried(current.layout!.size);
      return planCompaction(current);
    };
    try {
      await file.edit(plan, base);
      if (!sameFile(await file.identity(), left.identity)) {
        this.#left = { file: left, until: clock.monotonic() + LATELY_S };
      }
    } finally {
      await base.close();
      if (this.#left?.file !== left) await left.close();
    }
    await this.#carryOver();
  }

  /** Copies lines that another program still appends to the file that a compaction replaced. */
  async #carryOver(): Promise<void> {
    if (this.#left === null) return;
    const { clock, warn } = this.#parts;
    const late = await this.#left.file.lateLines();
    if (late.changes.length + late.invalid > 0) {
      warn(
        `${this.#parts.file.path} was replaced by its compaction, and somebody still appends to the old file: ${counted(late.changes.length, "line")} carried over, ${late.invalid} unreadable`,
      );
      await this.#write(late.changes);
      this.#left.file.carried(late.end);
      this.#left.until = clock.monotonic() + LATELY_S;
    } else if (clock.monotonic() >= this.#left.until) await this.#letGo();
  }

  async #write(items: readonly Change[]): Promise<void> {
    let isTaken = items.length === 0;
    const next = async () => {
      if (isTaken) return null;
      isTaken = true;
      return { items, settle: () => {} };
    };
    // A burst takes nothing if the file was replaced just then.
    for (let tries = 0; !isTaken && tries < MOST_TRIES; tries++) {
      const unsure = await this.#burst.run({ next });
      if (unsure !== null) await this.#makeSure(unsure);
    }
    if (!isTaken) throw new TtsctlError("STORE_BUSY", `${this.#parts.file.path} is replaced too often`);
  }
}

function settle(batch: Batch<Request, ChangeResult>, plan: BatchPlan, returned: readonly TaskId[]): void {
  const isReturned = (change: Change | null) => {
    if (change === null) return false;
    const id = idOf(change);
    return returned.some(({ userId, taskId }) => userId === id.userId && taskId === id.taskId);
  };
  batch.settle(plan.results.map((result) => (isReturned(result.change) ? { ...result, outcome: "returned" } : result)));
}

/** A file with fewer dead lines isn't rewritten. */
const LEAST_DEAD = 100;

/** Whether the lines that can go outweigh those that count. */
function isMostlyDead(snapshot: Snapshot): boolean {
  const { rows, invalid } = snapshot;
  const outweigh = (dead: number) => dead >= LEAST_DEAD && dead > rows.live;
  // The first count is quick; the second one leaves out the lines that must be kept.
  return outweigh(rows.size - rows.live - invalid.count) && outweigh(deadRows(snapshot).size);
}

/**
 * The rewrite of JSON Lines without dead lines: records that a later line replaced, and the lines of deleted tasks. A task
 * with an invalid line keeps all of its lines.
 */
function planCompaction(snapshot: Snapshot): Edit {
  return { removed: new Set(), upserts: NO_UPSERTS, dead: deadRows(snapshot) };
}

function deadRows({ rows, shape }: Snapshot): KeySet {
  const dead = new KeySet(rows.size);
  if (shape === "jsonl") {
    const unclear = new Set<number>();
    for (let row = 0; row < rows.size; row++) if (rows.state(row) === INVALID) unclear.add(rows.key(row));
    for (let row = 0; row < rows.size; row++) {
      const state = rows.state(row);
      if ((state === SUPERSEDED || state === TOMBSTONE) && !unclear.has(rows.key(row))) dead.add(row);
    }
  }
  return dead;
}

/** A file of JSON Lines that a compaction replaces. Processes that have it open go on appending to it. */
class LeftFile {
  readonly identity: FileIdentity;
  readonly #handle: FileHandle;
  readonly #parser: RecordParser;
  /** How much of it the new file has. */
  #end = Number.POSITIVE_INFINITY;

  private constructor(handle: FileHandle, identity: FileIdentity, rules: RecordRules) {
    this.#handle = handle;
    this.identity = identity;
    this.#parser = new RecordParser(rules);
  }

  static async open(path: string, rules: RecordRules): Promise<LeftFile> {
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return new LeftFile(handle, identityOf(await handle.stat({ bigint: true })), rules);
  }

  /** The new file has what is before `end`. */
  carried(end: number): void {
    this.#end = end;
  }

  /** The whole lines that were appended since, how many of them aren't records, and where they end. */
  async lateLines(): Promise<{ changes: Change[]; invalid: number; end: number }> {
    const { size } = await this.#handle.stat();
    const length = Math.max(0, size - this.#end);
    const { buffer } = await this.#handle.read(Buffer.alloc(length), 0, length, length === 0 ? 0 : this.#end);
    const whole = buffer.lastIndexOf("\n") + 1;
    const lines = buffer.toString("utf8", 0, whole).split("\n");
    const changes = lines.filter((line) => line.trim() !== "").map((line) => this.#changeOf(line));
    const valid = changes.filter((change) => change !== null);
    return { changes: valid, invalid: changes.length - valid.length, end: this.#end + whole };
  }

  async close(): Promise<void> {
    await closeQuietly(this.#handle);
  }

  #changeOf(line: string): Change | null {
    try {
      const bytes = Buffer.from(`${line}\n`);
      const task = this.#parser.parse(bytes);
      if (this.#parser.isTombstone(bytes))
        return { kind: "remove", id: { userId: task.userId!, taskId: task.taskId! } };
      return isInvalid(task) ? null : { kind: "upsert", task };
    } catch (error) {
      if (error instanceof JsonSyntaxError) return null;
      throw error;
    }
  }
}
