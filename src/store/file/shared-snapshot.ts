import { TtsctlError } from "../../errors.ts";
import type { RecordRules } from "../../task/rules.ts";
import { type FileIdentity, identityAt, sameFile, sameIdentity } from "./identity.ts";
import { Snapshot } from "./snapshot.ts";

/** A store file that was replaced takes room on the disk as long as its snapshot is open. */
const LOOK_EVERY_MS = 30_000;

/**
 * The last snapshot of a store file, for a process that lives on and answers many: the file is scanned again only when
 * its path names something else, once for all that ask meanwhile.
 */
export class SharedSnapshot {
  readonly #path: string;
  readonly #rules: RecordRules;
  readonly #grows: boolean;
  readonly #look: NodeJS.Timeout;
  #kept: Snapshot | null = null;
  #scan: Promise<Snapshot> | null = null;
  #closed = false;

  /** @param grows JSON Lines that were appended to are not scanned again: the snapshot that readers hold grows */
  constructor(path: string, rules: RecordRules, { grows = false } = {}) {
    this.#path = path;
    this.#rules = rules;
    this.#grows = grows;
    this.#look = setInterval(() => void this.#dropIfOutdated().catch(() => {}), LOOK_EVERY_MS).unref();
  }

  /**
   * What the file held at some moment after the call; the caller closes it.
   * @throws TtsctlError as `Snapshot.read`
   */
  async read(): Promise<Snapshot> {
    const kept = await this.#current();
    if (kept !== null) return kept;
    if (this.#scan !== null) {
      // It may have begun before we were asked: what was written since then must be seen.
      await this.#scan.catch(() => {});
      const scanned = await this.#current();
      if (scanned !== null) return scanned;
    }
    this.#scan ??= this.#rescan();
    const fresh = (await this.#scan).share();
    if (this.#closed) await this.#drop();
    return fresh;
  }

  /** What the path names now; null where there is nothing. */
  identity(): Promise<FileIdentity | null> {
    return identityAt(this.#path);
  }

  /** Lets go of the file; readers keep what they hold. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#look);
    await this.#scan?.catch(() => {});
    await this.#drop();
  }

  async #current(): Promise<Snapshot | null> {
    const now = await this.identity();
    const kept = this.#kept?.share();
    if (kept === undefined) return null;
    if (sameIdentity(now, kept.identity)) return kept;
    try {
      if (this.#grows && sameFile(now, kept.identity) && (await kept.grow())) return kept;
    } catch (error) {
      if (!(error instanceof TtsctlError)) throw error; // the scan of the whole file will say what is wrong
    }
    await kept.close();
    return null;
  }

  /** The old one goes first: two would be twice the memory. */
  async #rescan(): Promise<Snapshot> {
    try {
      await this.#drop();
      this.#kept = await Snapshot.read(this.#path, this.#rules);
      return this.#kept;
    } finally {
      this.#scan = null;
    }
  }

  async #dropIfOutdated(): Promise<void> {
    const current = await this.#current();
    if (current === null) await this.#drop();
    else await current.close();
  }

  async #drop(): Promise<void> {
    const kept = this.#kept;
    this.#kept = null;
    await kept?.close();
  }
}

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
