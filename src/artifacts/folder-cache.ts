import { type Folder, Kept } from "./folder.ts";

interface Entry {
  readonly folder: Promise<Folder | undefined>;
  /** How many callers work with it, and one more while it is in the cache. */
  uses: number;
}

const ATTEMPTS = 3;
/** For each user a pass may hold two folders open: the user's own and its place in the purge area. */
const MAX_OPEN = 32;

/**
 * Folders held open between tasks, the least recently used closed first. A folder is never closed while `use` works
 * with it, and is checked before it is used again, because it may have been moved away.
 */
export class FolderCache {
  readonly #entries = new Map<string, Entry>();
  readonly #open: (key: string) => Promise<Folder | undefined>;
  readonly #isCurrent: (folder: Folder, key: string) => Promise<boolean>;

  /**
   * @param open gives undefined when there is none
   * @param isCurrent whether a folder that was opened earlier still is the one of its key
   */
  constructor(
    open: (key: string) => Promise<Folder | undefined>,
    isCurrent: (folder: Folder, key: string) => Promise<boolean>,
  ) {
    this.#open = open;
    this.#isCurrent = isCurrent;
  }

  /** Calls `work` with the folder of `key`; undefined when there is none. */
  async use<R>(key: string, work: (folder: Folder) => Promise<R>): Promise<R | undefined> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const known = this.#entries.get(key);
      const entry = known ?? { folder: this.#open(key), uses: 1 };
      this.#hold(key, entry);
      let isGood = false;
      try {
        const folder = await entry.folder;
        if (folder === undefined) return undefined;
        isGood = known === undefined || (await this.#isCurrent(folder, key));
        if (isGood) return await work(folder);
      } finally {
        if (!isGood) this.#drop(key, entry);
        release(entry);
      }
    }
    throw new Kept("its folder is being moved about", "busy");
  }

  /** Closes what is not in use. */
  clear(): void {
    for (const [key, entry] of this.#entries) this.#drop(key, entry);
  }

  #hold(key: string, entry: Entry): void {
    entry.uses++;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    const [oldest] = this.#entries;
    if (this.#entries.size > MAX_OPEN) this.#drop(...oldest!);
  }

  #drop(key: string, entry: Entry): void {
    if (this.#entries.get(key) !== entry) return;
    this.#entries.delete(key);
    release(entry);
  }
}

function release(entry: Entry): void {
  if (--entry.uses === 0) entry.folder.then((folder) => folder?.close()).catch(() => {}); // nothing is at stake: it was read only
}
