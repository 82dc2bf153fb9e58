import { type Clock, later } from "../../clock.ts";
import { TtsctlError } from "../../errors.ts";
import type { RecordRules } from "../../task/rules.ts";
import { type FileIdentity, identityAt, sameFile, sameIdentity } from "./identity.ts";
import { Snapshot } from "./snapshot.ts";

/** A replaced file takes space on the disk while its snapshot is open. */
const LOOK_EVERY_MS = 30_000;

/** The last snapshot of a store file, for a long-lived process: scanned again only after a change, once for all readers. */
export class SharedSnapshot {
  readonly #path: string;
  readonly #rules: RecordRules;
  readonly #grows: boolean;
  readonly #closing = new AbortController();
  #kept: Snapshot | null = null;
  #scan: Promise<Snapshot> | null = null;

  /** @param grows of JSON Lines only appended lines are scanned: the snapshot that readers hold grows */
  constructor(path: string, rules: RecordRules, clock: Clock, { grows = false } = {}) {
    this.#path = path;
    this.#rules = rules;
    this.#grows = grows;
    this.#lookLater(clock);
  }

  /** The content at some moment after the call; the caller closes it. @throws TtsctlError as `Snapshot.read` */
  async read(): Promise<Snapshot> {
    const kept = await this.#current();
    if (kept !== null) return kept;
    if (this.#scan !== null) {
      // It may have begun before a write that this call must see.
      await this.#scan.catch(() => {});
      const scanned = await this.#current();
      if (scanned !== null) return scanned;
    }
    this.#scan ??= this.#rescan();
    const fresh = (await this.#scan).share();
    if (this.#closing.signal.aborted) await this.#drop();
    return fresh;
  }

  /** Null if the file is missing. */
  identity(): Promise<FileIdentity | null> {
    return identityAt(this.#path);
  }

  /** Readers keep their snapshots. */
  async close(): Promise<void> {
    this.#closing.abort();
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
      if (!(error instanceof TtsctlError)) throw error; // the scan of the whole file reports it
    }
    await kept.close();
    return null;
  }

  /** Closes the old one first: two would need twice the memory. */
  async #rescan(): Promise<Snapshot> {
    try {
      await this.#drop();
      this.#kept = await Snapshot.read(this.#path, this.#rules);
      return this.#kept;
    } finally {
      this.#scan = null;
    }
  }

  #lookLater(clock: Clock): void {
    const look = () => this.#dropIfOutdated().catch(() => {});
    void later(clock, LOOK_EVERY_MS, this.#closing.signal, () => look().then(() => this.#lookLater(clock)));
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

/** The store file as it is now: a snapshot that is read again after a change. */
export class CurrentFile {
  readonly #file: Pick<SharedSnapshot, "read" | "identity">;
  #snapshot: Snapshot | undefined;

  /** @param file a `FileStore` or `SharedSnapshot` */
  constructor(file: Pick<SharedSnapshot, "read" | "identity">) {
    this.#file = file;
  }

  /** Valid until the next call, or `close`. */
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

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
