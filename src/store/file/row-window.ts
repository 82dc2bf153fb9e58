import type { Task } from "../../task/task.ts";
import type { Snapshot } from "./snapshot.ts";

/** How far apart in the file the rows of a window may lie, in bytes. */
const SPAN = 4 << 20;

/**
 * Rows that lie close together in the file. Their bytes are read once, in one piece, when the first task is asked for:
 * so tasks can be taken in any order.
 */
export class RowWindow {
  readonly rows: readonly number[];
  readonly #snapshot: Snapshot;
  readonly #from: number;
  #bytes: Promise<Buffer> | undefined;

  private constructor(snapshot: Snapshot, rows: readonly number[]) {
    this.rows = rows;
    this.#snapshot = snapshot;
    this.#from = snapshot.rows.start(rows[0]!);
  }

  /** @param rows live ones, in file order */
  static *over(snapshot: Snapshot, rows: Iterable<number>): Generator<RowWindow> {
    let window: number[] = [];
    for (const row of rows) {
      if (window.length > 0 && snapshot.rows.end(row) - snapshot.rows.start(window[0]!) > SPAN) {
        yield new RowWindow(snapshot, window);
        window = [];
      }
      window.push(row);
    }
    if (window.length > 0) yield new RowWindow(snapshot, window);
  }

  /** The tasks of some of the rows, in the order given. @throws TtsctlError STORE_UNREADABLE, STORE_BUSY */
  async tasks(rows: readonly number[]): Promise<Task[]> {
    this.#bytes ??= this.#snapshot.readBytes(this.#from, this.#snapshot.rows.end(this.rows.at(-1)!));
    const bytes = await this.#bytes;
    return rows.map((row) => this.#snapshot.taskIn(bytes, this.#from, row));
  }
}
