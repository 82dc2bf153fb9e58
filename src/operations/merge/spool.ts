import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { closeQuietly, describeSystemError, TtsctlError } from "../../errors.ts";
import { Snapshot } from "../../store/file/snapshot.ts";
import { openUnnamed } from "../../store/file/written-file.ts";
import type { RecordRules } from "../../task/rules.ts";

/** How much is held before it is written. */
const HELD = 1 << 16;

/**
 * Records on their way into the store file: an array in a temporary file beside it, with the same readers and on a disk
 * with room for such a store.
 */
export class Spool {
  readonly #storePath: string;
  readonly #handle: FileHandle;
  #held = "[";
  size = 0;

  private constructor(storePath: string, handle: FileHandle) {
    this.#storePath = storePath;
    this.#handle = handle;
  }

  /** @throws TtsctlError SPOOL_FAILED */
  static async open(storePath: string): Promise<Spool> {
    return new Spool(storePath, await openTemporary(storePath));
  }

  /**
   * Adds one record, valid JSON.
   * @throws TtsctlError SPOOL_FAILED
   */
  async add(json: string): Promise<void> {
    this.#held += `${this.size === 0 ? "" : ","}\n${json}`;
    this.size++;
    if (this.#held.length >= HELD) await this.#flush();
  }

  /**
   * Everything that was added, read as a store file: of two records of one task the newer counts. Nothing can be added
   * after that. Closing the snapshot closes the spool.
   * @throws TtsctlError SPOOL_FAILED
   */
  async read(rules: RecordRules): Promise<Snapshot> {
    this.#held += "\n]";
    await this.#flush();
    return Snapshot.readHandle(this.#handle, `the temporary file in ${dirname(this.#storePath)}`, rules);
  }

  async close(): Promise<void> {
    await closeQuietly(this.#handle);
  }

  async #flush(): Promise<void> {
    const text = this.#held;
    this.#held = "";
    await appendTo(this.#handle, text, this.#storePath);
  }
}

/**
 * A temporary file beside the store file, without a name: it is gone with the process.
 * @throws TtsctlError SPOOL_FAILED
 */
export async function openTemporary(storePath: string): Promise<FileHandle> {
  return openUnnamed(storePath).catch((cause) => {
    throw spoolFailed(storePath, cause);
  });
}

/** Writes to the end of such a file. @throws TtsctlError SPOOL_FAILED */
export async function appendTo(handle: FileHandle, data: string | Uint8Array, storePath: string): Promise<void> {
  await handle.appendFile(data).catch((cause) => {
    throw spoolFailed(storePath, cause);
  });
}

function spoolFailed(storePath: string, cause: unknown): TtsctlError {
  const folder = dirname(storePath);
  return new TtsctlError("SPOOL_FAILED", `cannot write a temporary file in ${folder}: ${describeSystemError(cause)}`, {
    hint: "nothing was changed; check free disk space and the folder's owner and mode",
    cause,
  });
}
