import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { closeQuietly, describeSystemError, TtsctlError } from "../../errors.ts";
import { Snapshot } from "../../store/file/snapshot.ts";
import { openUnnamed } from "../../store/file/written-file.ts";
import type { RecordRules } from "../../task/rules.ts";

/** How much is held before it is written. */
const HELD = 1 << 16;

/**
 * Records on their way into the store file: an array in a temporary file beside it, where there is room for a store of
 * this size and where the same people may read. The file has no name any more, so it is gone with the process.
 */
export class Spool {
  readonly #folder: string;
  readonly #handle: FileHandle;
  #held = "[";
  size = 0;

  private constructor(folder: string, handle: FileHandle) {
    this.#folder = folder;
    this.#handle = handle;
  }

  /** @throws TtsctlError SPOOL_FAILED */
  static async open(storePath: string): Promise<Spool> {
    return new Spool(dirname(storePath), await openTemporary(storePath));
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
   * Everything that was added, as a store file is read: of two records of one task the newer counts. Nothing can be
   * added after. Closing the snapshot ends the spool.
   * @throws TtsctlError SPOOL_FAILED
   */
  async read(rules: RecordRules): Promise<Snapshot> {
    this.#held += "\n]";
    await this.#flush();
    return Snapshot.readHandle(this.#handle, `the temporary file in ${this.#folder}`, rules);
  }

  async close(): Promise<void> {
    await closeQuietly(this.#handle);
  }

  async #flush(): Promise<void> {
    const text = this.#held;
    this.#held = "";
    try {
      await this.#handle.appendFile(text);
    } catch (cause) {
      throw spoolFailed(this.#folder, cause);
    }
  }
}

/**
 * A temporary file beside the store file, without a name: it is gone with the process.
 * @throws TtsctlError SPOOL_FAILED
 */
export async function openTemporary(storePath: string): Promise<FileHandle> {
  const folder = dirname(storePath);
  try {
    return await openUnnamed(storePath);
  } catch (cause) {
    throw spoolFailed(folder, cause);
  }
}

export function spoolFailed(folder: string, cause: unknown): TtsctlError {
  return new TtsctlError("SPOOL_FAILED", `cannot write a temporary file in ${folder}: ${describeSystemError(cause)}`, {
    hint: "nothing was changed; check free disk space and the folder's owner and mode",
    cause,
  });
}
