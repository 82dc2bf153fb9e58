import { type Folder, reasonOf } from "./folder.ts";

/** Which empty folders may be removed: none that the service may be about to use. */
export interface SweepRules {
  /** Epoch seconds: folders changed later are kept. */
  readonly before: number;
  /** Epoch seconds; folders of logs were last changed a day before it besides. */
  readonly now: number;
  /** Which of these users have a record, looked up now: their folders are kept. */
  withRecords(users: readonly string[]): Promise<ReadonlySet<string>>;
}

/** When folders were last changed before and after ttsctl's own removals (epoch nanoseconds), to tell them from others' changes. */
export class OwnChanges {
  readonly #changes = new Map<string, { before: bigint; after: bigint }>();

  /** Calls what removes something from the folder of `key`, if it does. */
  during(key: string, folder: Folder, remove: () => boolean): boolean {
    if (!this.#changes.has(key)) this.found(key, folder.changedAt());
    const removed = remove();
    const change = this.#changes.get(key);
    if (removed && change !== undefined) change.after = folder.changedAt();
    return removed;
  }

  /** Notes a folder, if it isn't noted yet: such as one that was found empty. */
  found(key: string, changedAt: bigint): void {
    if (!this.#changes.has(key)) this.#changes.set(key, { before: changedAt, after: changedAt });
  }

  keys(): string[] {
    return [...this.#changes.keys()];
  }

  /** Whether a folder was last changed before `time` (epoch seconds), our removals aside. @param mtimeNs now, if known */
  isOld(key: string, time: number, mtimeNs = this.#changes.get(key)?.after): boolean {
    const change = this.#changes.get(key);
    return change !== undefined && change.after === mtimeNs && Number(change.before) / 1e9 < time;
  }

  clear(): void {
    this.#changes.clear();
  }
}

/** Removes the folders in `parent` that are empty and old, and returns whether any was. A leftover is harmless. */
export function sweepFolders(
  parent: Folder,
  names: readonly string[],
  isOld: (name: string, mtimeNs: bigint) => boolean,
): boolean {
  let isAny = false;
  for (const name of names) {
    try {
      const stats = parent.exactStats(name);
      if (stats?.isDirectory() && isOld(name, stats.mtimeNs) && parent.removeIfEmpty(name)) isAny = true;
    } catch (error) {
      reasonOf(error);
    }
  }
  return isAny;
}
