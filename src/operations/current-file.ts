import type { FileStore } from "../store/file/file-store.ts";
import type { Snapshot } from "../store/file/snapshot.ts";

/** The store file as it is now: a snapshot that is read again once the file has moved. */
export class CurrentFile {
  readonly #file: FileStore;
  #snapshot: Snapshot | undefined;

  constructor(file: FileStore) {
    this.#file = file;
  }

  /** Good until it is asked for again, or closed. */
  async snapshot(): Promise<Snapshot> {
    if (this.#snapshot !== undefined && (await this.#file.isCurrent(this.#snapshot))) return this.#snapshot;
    await this.close();
    this.#snapshot = await this.#file.read();
    return this.#snapshot;
  }

  async close(): Promise<void> {
    await this.#snapshot?.close();
    this.#snapshot = undefined;
  }
}
