import { QUOTE, skipString } from "../../json/scan.ts";
import { decodeString } from "../../json/text.ts";
import { keyOf, memberOf } from "../../task/ids.ts";
import type { Keys, KeyTable } from "../key-table.ts";
import type { TaskId } from "../task-source.ts";
import { LIVE } from "./rows.ts";
import type { Snapshot } from "./snapshot.ts";
import type { Upserts } from "./upserts.ts";

/**
 * The kept names of a map that aren't `user:task` of the live record under them. A new record must not get such a name:
 * of two equal names a JSON reader keeps the last, so the next write would lose the other record.
 */
export class TakenNames {
  readonly #names = new Set<string>();
  readonly #keys: KeyTable;
  readonly #upserts: Upserts;
  /** The upserts by `keyOf`, once a name is taken. */
  #own: Set<string> | undefined;

  private constructor(keys: KeyTable, upserts: Upserts) {
    this.#keys = keys;
    this.#upserts = upserts;
  }

  static async read(snapshot: Snapshot, removed: Keys, upserts: Upserts): Promise<TakenNames> {
    const taken = new TakenNames(snapshot.rows.keys, upserts);
    const { rows, layout } = snapshot;
    const read = snapshot.windowed();
    for (let row = 0; row < rows.size; row++) {
      const from = row === 0 ? layout!.open + 1 : rows.end(row - 1);
      const gap = await read(from, rows.start(row));
      if (!removed.has(rows.key(row))) taken.#note(nameIn(gap), snapshot, row);
    }
    return taken;
  }

  /** `user:task`, with a number behind it if that name is taken. */
  nameFor({ userId, taskId }: TaskId): string {
    let name = memberOf(userId, taskId);
    if (this.#names.has(name)) {
      let number = 2;
      while (this.#isTaken({ userId, taskId: `${taskId}#${number}` })) number++;
      name = `${name}#${number}`;
    } else if (!mayBeOfOthers(userId, taskId)) return name;
    this.#names.add(name);
    return name;
  }

  /** The name may also belong to a task whose id ends with that number. */
  #isTaken({ userId, taskId }: TaskId): boolean {
    const name = memberOf(userId, taskId);
    this.#own ??= new Set(Array.from({ length: this.#upserts.size }, (_, number) => keyOf(this.#upserts.id(number))));
    return this.#names.has(name) || this.#keys.find(userId, taskId) >= 0 || this.#own.has(keyOf({ userId, taskId }));
  }

  #note(name: string, { rows }: Snapshot, row: number): void {
    const { keys } = rows;
    const key = rows.key(row);
    const [userId, taskId] = key < 0 ? ["", ""] : [keys.userId(key), keys.taskId(key)];
    const isOwn = rows.state(row) === LIVE && name === memberOf(userId, taskId);
    if (!isOwn || mayBeOfOthers(userId, taskId)) this.#names.add(name);
  }
}

/** Whether tasks of other users may have this name too: in one layout, user ids may hold colons. */
function mayBeOfOthers(userId: string, taskId: string): boolean {
  return userId.includes(":") || taskId.includes(":");
}

/** The string in the text between two elements of a map. */
function nameIn(gap: Buffer): string {
  const start = gap.indexOf(QUOTE);
  return decodeString(gap, start, skipString(gap, start + 1, gap.length));
}
