import { Kept } from "./failure.ts";
import type { Folder } from "./folder.ts";

interface Entry {
  folder: Promise<Folder | undefined>;
  opened: Folder | undefined;
  uses: number;
  dropped: boolean;
}

interface Source {
  /** Opens the folder of a key; undefined when there is none. */
  open(key: string): Promise<Folder | undefined>;
  /** Whether a folder that was opened earlier still is the one of its key. */
  isCurrent(folder: Folder, key: string): Promise<boolean>;
}

const ATTEMPTS = 3;

/**
 * Folders held open between tasks, the least recently used closed first. A folder is never closed while `use` works
 * with it, and never used again without a look at whether it still is where it was: someone may have moved it away.
 */
export class FolderCache {
  readonly #entries = new Map<string, Entry>();
  readonly #max: number;
  readonly #source: Source;

  constructor(max: number, source: Source) {
    this.#max = max;
    this.#source = source;
  }

  /** Calls `work` with the folder of `key`; undefined when there is none. */
  async use<R>(key: string, work: (folder: Folder) => Promise<R>): Promise<R | undefined> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const known = this.#entries.get(key);
      const entry = known ?? this.#add(key);
      this.#begin(key, entry);
      try {
        const folder = await entry.folder;
        if (folder === undefined) return undefined;
        if (known === undefined || (await this.#source.isCurrent(folder, key))) return await work(folder);
        this.#drop(key, entry);
      } finally {
        this.#end(entry);
      }
    }
    throw new Kept("its folder is being moved about", "busy");
  }

  /** Closes what is not in use. */
  clear(): void {
    for (const [key, entry] of this.#entries) this.#drop(key, entry);
  }

  #add(key: string): Entry {
    const entry: Entry = { folder: this.#source.open(key), opened: undefined, uses: 0, dropped: false };
    entry.folder = entry.folder.then(
      (folder) => {
        entry.opened = folder;
        if (folder === undefined) this.#drop(key, entry);
        return folder;
      },
      (error) => {
        this.#drop(key, entry);
        throw error;
      },
    );
    return entry;
  }

  #begin(key: string, entry: Entry): void {
    entry.uses += 1;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (this.#entries.size <= this.#max) return;
    for (const [otherKey, other] of this.#entries) {
      if (other.uses > 0) continue;
      this.#drop(otherKey, other);
      break;
    }
  }

  #end(entry: Entry): void {
    entry.uses -= 1;
    if (entry.dropped) closeIfIdle(entry);
  }

  #drop(key: string, entry: Entry): void {
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
    entry.dropped = true;
    closeIfIdle(entry);
  }
}

function closeIfIdle(entry: Entry): void {
  if (entry.uses > 0) return;
  entry.opened?.close();
  entry.opened = undefined;
}
