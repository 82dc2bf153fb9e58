import { TtsctlError } from "../../errors.ts";
import type { Task } from "../../task/task.ts";
import type { Snapshot } from "./snapshot.ts";

/** How far apart in the file the rows of a window may lie, in bytes. */
const SPAN = 16 << 20;

/**
 * Rows that lie close together in the file. Their bytes are read once, in one piece, when the first task is asked for:
 * so tasks can be taken in any order, each once.
 */
export class RowWindow {
  readonly rows: readonly number[];
  readonly #snapshot: Snapshot;
  readonly #from: number;
  /** Room for bytes that no window needs any more. */
  readonly #spare: Buffer[];
  #bytes: Promise<Buffer> | undefined;
  #taken = 0;

  private constructor(snapshot: Snapshot, rows: readonly number[], spare: Buffer[]) {
    this.rows = rows;
    this.#snapshot = snapshot;
    this.#from = snapshot.rows.start(rows[0]!);
    this.#spare = spare;
  }

  /** @param rows live ones, in file order */
  static *over(snapshot: Snapshot, rows: Iterable<number>): Generator<RowWindow> {
    const spare: Buffer[] = [];
    let window: number[] = [];
    for (const row of rows) {
      if (window.length > 0 && snapshot.rows.end(row) - snapshot.rows.start(window[0]!) > SPAN) {
        yield new RowWindow(snapshot, window, spare);
        window = [];
      }
      window.push(row);
    }
    if (window.length > 0) yield new RowWindow(snapshot, window, spare);
  }

  /** The tasks of some of the rows, in the order given. @throws TtsctlError STORE_UNREADABLE, STORE_BUSY */
  async tasks(rows: readonly number[]): Promise<Task[]> {
    this.#bytes ??= this.#read();
    const bytes = await this.#bytes;
    // Its room may be another window's by now.
    if (this.#taken + rows.length > this.rows.length) throw new TtsctlError("INTERNAL", "a row was asked for twice");
    const tasks = rows.map((row) => this.#snapshot.taskIn(bytes, this.#from, row));
    this.#taken += rows.length;
    if (this.#taken === this.rows.length && bytes.buffer.byteLength === SPAN) this.#spare.push(bytes);
    return tasks;
  }

  async #read(): Promise<Buffer> {
    const length = this.#snapshot.rows.end(this.rows.at(-1)!) - this.#from;
    const room = length > SPAN ? Buffer.allocUnsafeSlow(length) : (this.#spare.pop() ?? Buffer.allocUnsafeSlow(SPAN));
    await this.#snapshot.readInto(room.subarray(0, length), this.#from);
    return room;
  }
}
