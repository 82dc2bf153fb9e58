import type { Snapshot } from "../../store/file/snapshot.ts";
import type { KeyTable } from "../../store/key-table.ts";

/**
 * How many records, of either store, a log `{task}.log` belongs to: users may share a task id, and then they share
 * its logs, which stay until the last of them goes.
 */
export class LogOwners {
  readonly #owners = new Map<string, number>();

  /**
   * @param wanted the task ids that may be purged; the others are not counted
   * @param onlyInRedis the tasks that the file has no record of
   */
  constructor(snapshot: Snapshot, onlyInRedis: KeyTable, wanted: ReadonlySet<string>) {
    for (let key = 0; key < snapshot.rows.keys.size; key++) {
      if (snapshot.rows.liveRow(key) >= 0 || snapshot.rows.hasInvalid(key))
        this.#count(snapshot.rows.keys.taskId(key), wanted);
    }
    for (let key = 0; key < onlyInRedis.size; key++) this.#count(onlyInRedis.taskId(key), wanted);
  }

  /** Notes that one owner goes; true if it was the last. */
  release(taskId: string): boolean {
    const left = (this.#owners.get(taskId) ?? 1) - 1;
    this.#owners.set(taskId, left);
    return left <= 0;
  }

  #count(taskId: string, wanted: ReadonlySet<string>): void {
    if (wanted.has(taskId)) this.#owners.set(taskId, (this.#owners.get(taskId) ?? 0) + 1);
  }
}
