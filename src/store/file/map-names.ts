import { QUOTE, skipString } from "../../json/scan.ts";
import { decodeString } from "../../json/text.ts";
import { memberOf } from "../../task/ids.ts";
import { KeyTable } from "../key-table.ts";
import type { TaskId } from "../task-source.ts";
import type { Keys } from "./key-set.ts";
import { LIVE } from "./rows.ts";
import type { Snapshot } from "./snapshot.ts";
import type { Upserts } from "./upserts.ts";

const WINDOW = 1 << 20;

/**
 * The names of a map that stay and are not `user:task` of the live record under them: an invalid record has one, or a
 * record that somebody filed under another name. A new record must not take it, since of two equal names a reader of
 * JSON sees the last alone, and the other would be lost with its next write.
 */
export class TakenNames {
  readonly #names = new KeyTable();
  readonly #keys: KeyTable;
  readonly #upserts: Upserts;

  private constructor(keys: KeyTable, upserts: Upserts) {
    this.#keys = keys;
    this.#upserts = upserts;
  }

  /** Goes through all names of the file, which are read in large pieces. */
  static async read(snapshot: Snapshot, removed: Keys, upserts: Upserts): Promise<TakenNames> {
    const taken = new TakenNames(snapshot.rows.keys, upserts);
    const { rows, layout } = snapshot;
    let window: Buffer = Buffer.alloc(0);
    let base = 0;
    for (let row = 0; row < rows.size; row++) {
      const from = row === 0 ? layout!.open + 1 : rows.end(row - 1);
      const end = rows.start(row);
      if (end > base + window.length) {
        base = from;
        window = await snapshot.readBytes(from, Math.max(end, Math.min(from + WINDOW, layout!.close)));
      }
      if (!removed.has(rows.key(row))) taken.#note(nameIn(window, from - base, end - base), snapshot, row);
    }
    return taken;
  }

  /** A name for a new record: `user:task`, or where that is taken the same with a number after it. */
  nameFor({ userId, taskId }: TaskId): string {
    const name = memberOf(userId, taskId);
    if (this.#names.find("", name) < 0) {
      if (mayBeOfOthers(userId, taskId)) this.#names.addId("", name);
      return name;
    }
    let number = 2;
    while (this.#isTaken({ userId, taskId: `${taskId}#${number}` })) number++;
    this.#names.addId("", `${name}#${number}`);
    return `${name}#${number}`;
  }

  /** A name with a number may also be that of a task whose id ends so. */
  #isTaken(id: TaskId): boolean {
    const { userId, taskId } = id;
    if (this.#names.find("", memberOf(userId, taskId)) >= 0) return true;
    return this.#keys.find(userId, taskId) >= 0 || this.#upserts.find(id) >= 0;
  }

  #note(name: string, { rows }: Snapshot, row: number): void {
    const { keys } = rows;
    const key = rows.key(row);
    const [userId, taskId] = key < 0 ? ["", ""] : [keys.userId(key), keys.taskId(key)];
    const isOwn = rows.state(row) === LIVE && name === memberOf(userId, taskId);
    if (!isOwn || mayBeOfOthers(userId, taskId)) this.#names.addId("", name);
  }
}

/** Whether the name of a task may be that of another, whose user's id holds a colon: that is allowed in one layout. */
function mayBeOfOthers(userId: string, taskId: string): boolean {
  return userId.includes(":") || taskId.includes(":");
}

/** The string between two elements of a map. */
function nameIn(bytes: Buffer, from: number, end: number): string {
  const start = bytes.indexOf(QUOTE, from);
  return decodeString(bytes, start, skipString(bytes, start + 1, end));
}
