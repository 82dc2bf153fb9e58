import { type FileIdentity, sameIdentity } from "./identity.ts";
import type { Snapshot } from "./snapshot.ts";

/** What a current file reads: a `FileStore`, or the `SharedSnapshot` of a process that lives on. */
interface Readable {
  /** What the file holds at some moment after the call. */
  read(): Promise<Snapshot>;
  /** What its path names now. */
  identity(): Promise<FileIdentity | null>;
}

/** The store file as it is now: a snapshot that is read again once the file has moved. */
export class CurrentFile {
  readonly #file: Readable;
  #snapshot: Snapshot | undefined;

  constructor(file: Readable) {
    this.#file = file;
  }

  /** Good until it is asked for again, or closed. */
  async snapshot(): Promise<Snapshot> {
    const kept = this.#snapshot;
    if (kept !== undefined && sameIdentity(await this.#file.identity(), kept.identity)) return kept;
    await this.close();
    this.#snapshot = await this.#file.read();
    return this.#snapshot;
  }

  async close(): Promise<void> {
    await this.#snapshot?.close();
    this.#snapshot = undefined;
  }
}
