import type { Snapshot } from "../../store/file/snapshot.ts";
import { grown, KeyTable } from "../../store/key-table.ts";

/**
 * How many records, of either store, a log `{task}.log` belongs to: users may share a task id, and then they share
 * its logs, which stay until the last of them goes. Only task ids that may be purged are counted.
 */
export class LogOwners {
  readonly #taskIds = new KeyTable();
  #counts = new Uint32Array(1 << 10);

  /** Counts the owners of every task id wanted so far. */
  count(snapshot: Snapshot, onlyInRedis: KeyTable): void {
    const { keys } = snapshot.rows;
    for (let key = 0; key < keys.size; key++) {
      if (snapshot.rows.liveRow(key) >= 0 || snapshot.rows.hasInvalid(key)) this.#add(keys.taskId(key));
    }
    for (const taskId of snapshot.invalid.ownerless) this.#add(taskId);
    for (let key = 0; key < onlyInRedis.size; key++) this.#add(onlyInRedis.taskId(key));
  }

  /** Notes a task id that may be purged. */
  want(taskId: string): void {
    const key = this.#taskIds.addId("", taskId);
    if (key === this.#counts.length) this.#counts = grown(this.#counts);
  }

  isWanted(taskId: string): boolean {
    return this.#taskIds.find("", taskId) >= 0;
  }

  /** Notes that one owner goes; true if it was the last. */
  release(taskId: string): boolean {
    const key = this.#taskIds.find("", taskId);
    if (key < 0 || this.#counts[key]! <= 1) return true;
    this.#counts[key]!--;
    return false;
  }

  #add(taskId: string): void {
    const key = this.#taskIds.find("", taskId);
    if (key >= 0) this.#counts[key]!++;
  }
}
