import { constants } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { describeSystemError, systemErrorCode, TtsctlError } from "../../errors.ts";
import { Snapshot } from "../../store/file/snapshot.ts";
import type { RecordRules } from "../../task/rules.ts";

/** How much is held before it is written. */
const HELD = 1 << 16;
/** How often another process may be between making and unnaming a file of its own when we look. */
const MOST_TRIES = 20;

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
    await this.#handle.close();
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
    return await openUnnamed(join(folder, `.${basename(storePath)}.spool`));
  } catch (cause) {
    throw spoolFailed(folder, cause);
  }
}

/**
 * All processes use one name, and each takes away whatever has it: nobody needs a name once the file is open, and what a
 * process left that was killed between the two calls goes with the next.
 */
async function openUnnamed(path: string): Promise<FileHandle> {
  for (let tries = 1; ; tries++) {
    await rm(path, { force: true });
    try {
      const handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
      return await unnamed(handle, path);
    } catch (error) {
      if (systemErrorCode(error) !== "EEXIST" || tries === MOST_TRIES) throw error;
    }
  }
}

async function unnamed(handle: FileHandle, path: string): Promise<FileHandle> {
  try {
    await rm(path, { force: true });
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

export function spoolFailed(folder: string, cause: unknown): TtsctlError {
  return new TtsctlError("SPOOL_FAILED", `cannot write a temporary file in ${folder}: ${describeSystemError(cause)}`, {
    hint: "nothing was changed; check free disk space and the folder's owner and mode",
    cause,
  });
}
