import { type Clock, later } from "../../clock.ts";
import { TtsctlError } from "../../errors.ts";
import type { RecordRules } from "../../task/rules.ts";
import { type FileIdentity, identityAt, sameFile, sameIdentity } from "./identity.ts";
import { Snapshot } from "./snapshot.ts";

/** A replaced file takes space on the disk while its snapshot is open. */
const LOOK_EVERY_MS = 30_000;

export type SharedSnapshot = ReturnType<typeof sharedSnapshot>;

/** The last snapshot of a store file, for a long-lived process: scanned again only after a change, once for all readers. */
export function sharedSnapshot(path: string, rules: RecordRules, clock: Clock, { grows = false } = {}) {
  const closing = new AbortController();
  let last: Snapshot | null = null;
  let scan: Promise<Snapshot> | null = null;
  lookLater();

  async function current(): Promise<Snapshot | null> {
    const now = await identityAt(path);
    const kept = last?.share();
    if (kept === undefined) return null;
    if (sameIdentity(now, kept.identity)) return kept;
    try {
      if (grows && sameFile(now, kept.identity) && (await kept.grow())) return kept;
    } catch (error) {
      if (!(error instanceof TtsctlError)) throw error; // the scan of the whole file reports it
    }
    await kept.close();
    return null;
  }

  /** Closes the old one first: two would need twice the memory. */
  async function rescan(): Promise<Snapshot> {
    try {
      await drop();
      last = await Snapshot.read(path, rules);
      return last;
    } finally {
      scan = null;
    }
  }

  function lookLater(): void {
    const look = async () => (await current())?.close() ?? drop();
    const lookAgain = () => void look().then(lookLater, lookLater);
    void later(clock, LOOK_EVERY_MS, closing.signal, lookAgain);
  }

  async function drop(): Promise<void> {
    const kept = last;
    last = null;
    await kept?.close();
  }

  return {
    /** The content at some moment after the call; the caller closes it. @throws TtsctlError as `Snapshot.read` */
    async read(): Promise<Snapshot> {
      const kept = await current();
      if (kept !== null) return kept;
      if (scan !== null) {
        // It may have begun before a write that this call must see.
        await scan.catch(() => {});
        const scanned = await current();
        if (scanned !== null) return scanned;
      }
      scan ??= rescan();
      const fresh = (await scan).share();
      if (closing.signal.aborted) await drop();
      return fresh;
    },

    /** Null if the file is missing. */
    identity: (): Promise<FileIdentity | null> => identityAt(path),

    /** Readers keep their snapshots. */
    async close(): Promise<void> {
      closing.abort();
      await scan?.catch(() => {});
      await drop();
    },
  };
}

/** The store file as it is now: a snapshot that is read again after a change. */
export class CurrentFile {
  /** @param file a `FileStore` or `SharedSnapshot` @param kept its content, if that was read already */
  constructor(
    private readonly file: Pick<SharedSnapshot, "read" | "identity">,
    private kept?: Snapshot,
  ) {}

  /** Valid until the next call, or `close`. */
  async snapshot(): Promise<Snapshot> {
    const kept = this.kept;
    if (kept !== undefined && sameIdentity(await this.file.identity(), kept.identity)) return kept;
    await this.close();
    this.kept = await this.file.read();
    return this.kept;
  }

  async close(): Promise<void> {
    await this.kept?.close();
    this.kept = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
