import type { Folder } from "./folder.ts";

const MOST_OPEN = 100;

/**
 * Folders that many tasks share, held open between them; the least recently used is closed first. One is checked before
 * it is used again, since it may have been moved.
 */
export class FolderCache {
  readonly #folders = new Map<string, Folder>();
  readonly #open: (key: string) => Folder | undefined;
  readonly #isCurrent: (folder: Folder, key: string) => boolean;

  /**
   * @param open returns undefined if the folder is missing
   * @param isCurrent whether a folder that was opened earlier still is the one of its key
   */
  constructor(open: (key: string) => Folder | undefined, isCurrent: (folder: Folder, key: string) => boolean) {
    this.#open = open;
    this.#isCurrent = isCurrent;
  }

  /** The folder of `key`, open until the next call; undefined if it is missing. */
  get(key: string): Folder | undefined {
    const folder = this.#takeCurrent(key) ?? this.#open(key);
    if (folder === undefined) return undefined;
    this.#folders.set(key, folder);
    const [oldest] = this.#folders;
    if (this.#folders.size > MOST_OPEN) this.#drop(...oldest!);
    return folder;
  }

  clear(): void {
    for (const [key, folder] of this.#folders) this.#drop(key, folder);
  }

  #takeCurrent(key: string): Folder | undefined {
    const folder = this.#folders.get(key);
    if (folder === undefined) return undefined;
    let isCurrent = false;
    try {
      isCurrent = this.#isCurrent(folder, key);
    } finally {
      if (isCurrent) this.#folders.delete(key);
      else this.#drop(key, folder);
    }
    return isCurrent ? folder : undefined;
  }

  #drop(key: string, folder: Folder): void {
    this.#folders.delete(key);
    folder.close();
  }
}
