import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { closeQuietly } from "../../errors.ts";
import { JsonSyntaxError } from "../../json/scan.ts";
import { RecordParser } from "../../task/parse.ts";
import type { RecordRules } from "../../task/rules.ts";
import { isInvalid } from "../../task/task.ts";
import type { Change } from "./batch-plan.ts";
import { type FileIdentity, identityOf } from "./identity.ts";

const NEWLINE = 0x0a;

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
