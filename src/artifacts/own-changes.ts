import type { Folder } from "./folder.ts";

/** When a folder was last changed before we took something out of it, and by us (epoch nanoseconds). */
interface Change {
  before: bigint;
  after: bigint;
}

/** Tells our removals from the changes of others, for the sweep of folders that we emptied (SPEC section 6, Artifacts). */
export class OwnChanges {
  readonly #changes = new Map<string, Change>();

  /** To be called before a removal in the folder of `key`, with nothing awaited between the two. */
  expect(key: string, folder: Folder): void {
    if (this.#changes.has(key)) return;
    const before = folder.changedAt();
    this.#changes.set(key, { before, after: before });
  }

  /** To be called after it. */
  note(key: string, folder: Folder): void {
    const change = this.#changes.get(key);
    if (change !== undefined) change.after = folder.changedAt();
  }

  /** What is known of a folder that was found empty, without a removal of ours. */
  found(key: string, changedAt: bigint): void {
    if (!this.#changes.has(key)) this.#changes.set(key, { before: changedAt, after: changedAt });
  }

  keys(): string[] {
    return [...this.#changes.keys()];
  }

  /** Those of `keys` that may be old. @param time epoch seconds */
  keysBefore(time: number): string[] {
    return this.keys().filter((key) => Number(this.#changes.get(key)!.before) / 1e9 < time);
  }

  /** Whether, our removals aside, the folder with this mtime was last changed before `time` (epoch seconds). */
  isOld(key: string, mtimeNs: bigint, time: number): boolean {
    const change = this.#changes.get(key);
    return change !== undefined && change.after === mtimeNs && Number(change.before) / 1e9 < time;
  }

  clear(): void {
    this.#changes.clear();
  }
}
