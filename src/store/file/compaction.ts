import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { closeQuietly } from "../../errors.ts";
import { JsonSyntaxError } from "../../json/scan.ts";
import { RecordParser } from "../../task/parse.ts";
import type { RecordRules } from "../../task/rules.ts";
import { isInvalid } from "../../task/task.ts";
import type { Change } from "./batch-plan.ts";
import type { Edit } from "./edit.ts";
import { type FileIdentity, identityOf } from "./identity.ts";
import { KeySet } from "./key-set.ts";
import { INVALID, type Rows, SUPERSEDED, TOMBSTONE } from "./rows.ts";
import type { Snapshot } from "./snapshot.ts";
import { NO_UPSERTS } from "./upserts.ts";

const NEWLINE = 0x0a;

/** Below so many lines that no longer count a file is left as it is: each rewrite has its price. */
const LEAST_DEAD = 100;

/** Whether the lines that can go outweigh those that count. */
export function isMostlyDead(snapshot: Snapshot): boolean {
  const { rows, invalid } = snapshot;
  const outweigh = (dead: number) => dead >= LEAST_DEAD && dead > rows.live;
  // The first count is quick, and the second one right: it knows those that must stay.
  return outweigh(rows.size - rows.live - invalid.count) && outweigh(deadRows(snapshot).size);
}

/**
 * The rewrite of JSON Lines without lines that no longer count: records that a later line replaced, and the lines of
 * tasks that ended. A task with an invalid line keeps all of its lines, so that this one means what it meant.
 */
export function planCompaction(snapshot: Snapshot): Edit {
  return { removed: new Set(), upserts: NO_UPSERTS, dead: deadRows(snapshot) };
}

function deadRows({ rows, shape }: Snapshot): KeySet {
  const dead = new KeySet(rows.size);
  if (shape === "jsonl") {
    const unclear = keysWithInvalid(rows);
    for (let row = 0; row < rows.size; row++) {
      const state = rows.state(row);
      if ((state === SUPERSEDED || state === TOMBSTONE) && !unclear.has(rows.key(row))) dead.add(row);
    }
  }
  return dead;
}

function keysWithInvalid(rows: Rows): ReadonlySet<number> {
  const keys = new Set<number>();
  for (let row = 0; row < rows.size; row++) if (rows.state(row) === INVALID) keys.add(rows.key(row));
  return keys;
}

/** Lines that were appended to a file after it was left. */
export interface LateLines {
  readonly changes: Change[];
  /** How many are no records, and so cannot be carried over. */
  readonly invalid: number;
  /** Where they end. */
  readonly end: number;
}

/**
 * A file of JSON Lines that a compaction takes out of its place. Whoever has it open for appending goes on to write to it,
 * where nobody else reads.
 */
export class LeftFile {
  readonly identity: FileIdentity;
  readonly #handle: FileHandle;
  readonly #parser: RecordParser;
  /** How much of it the new file has; until that is known, all. */
  #end = Number.POSITIVE_INFINITY;

  private constructor(handle: FileHandle, identity: FileIdentity, rules: RecordRules) {
    this.#handle = handle;
    this.identity = identity;
    this.#parser = new RecordParser(rules);
  }

  /** To be opened before it is taken out of its place. */
  static async open(path: string, rules: RecordRules): Promise<LeftFile> {
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return new LeftFile(handle, identityOf(await handle.stat({ bigint: true })), rules);
  }

  /** What lies before `end` is in the new file. */
  carried(end: number): void {
    this.#end = end;
  }

  /** The whole lines that came since. */
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
