import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { closeQuietly } from "../../errors.ts";
import { JsonSyntaxError } from "../../json/scan.ts";
import type { RecordRules } from "../../task/rules.ts";
import { isInvalid, RecordParser } from "../../task/task.ts";
import { KeySet } from "../key-table.ts";
import type { Change } from "./batch-plan.ts";
import type { Edit } from "./edit.ts";
import { type FileIdentity, identityOf } from "./identity.ts";
import { INVALID, SUPERSEDED, TOMBSTONE } from "./rows.ts";
import type { Snapshot } from "./snapshot.ts";
import { NO_UPSERTS } from "./upserts.ts";

const NEWLINE = 0x0a;

/** A file with fewer dead lines isn't rewritten. */
const LEAST_DEAD = 100;

/** Whether the lines that can go outweigh those that count. */
export function isMostlyDead(snapshot: Snapshot): boolean {
  const { rows, invalid } = snapshot;
  const outweigh = (dead: number) => dead >= LEAST_DEAD && dead > rows.live;
  // The first count is quick; the second one leaves out the lines that must be kept.
  return outweigh(rows.size - rows.live - invalid.count) && outweigh(deadRows(snapshot).size);
}

/**
 * The rewrite of JSON Lines without dead lines: records that a later line replaced, and the lines of deleted tasks. A task
 * with an invalid line keeps all of its lines.
 */
export function planCompaction(snapshot: Snapshot): Edit {
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

/** Lines that were appended to a file after it was left. */
export interface LateLines {
  readonly changes: Change[];
  /** How many aren't records, and can't be carried over. */
  readonly invalid: number;
  readonly end: number;
}

/** A file of JSON Lines that a compaction replaces. Processes that have it open go on appending to it. */
export class LeftFile {
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

  /** The whole lines that were appended since. */
  async lateLines(): Promise<LateLines> {
    const { size } = await this.#handle.stat();
    const length = Math.max(0, size - this.#end);
    const late: LateLines = { changes: [], invalid: 0, end: this.#end };
    if (length === 0) return late;
    const { buffer } = await this.#handle.read(Buffer.alloc(length), 0, length, this.#end);
    const whole = buffer.lastIndexOf(NEWLINE) + 1;
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
