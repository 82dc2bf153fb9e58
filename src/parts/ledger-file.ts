import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { closeQuietly, TtsctlError } from "../errors.ts";
import { isOneOf, openToAppend, syncDirectory, whyNotWritten } from "../store/file/written-file.ts";

/** The owner and its group may read it. */
const MODE = 0o640;

/** A file of whole JSON lines that several processes append to. */
export class LedgerFile {
  readonly #path: string;
  readonly #handle: FileHandle;
  /** Whether the last line was cut: ours, or that of a killed run. */
  #isCut: boolean;

  private constructor(path: string, handle: FileHandle, isCut: boolean) {
    this.#path = path;
    this.#handle = handle;
    this.#isCut = isCut;
  }

  /**
   * Opens it for one run: a log rotation in between is seen by the next.
   * @param notThese files that must never be appended to
   * @throws TtsctlError AUDIT_FAILED, CONFIG_INVALID
   */
  static async open(path: string, notThese: readonly string[]): Promise<LedgerFile> {
    if (await isOneOf(path, notThese)) throw otherFile(path);
    const handle = await openToAppend(path, MODE).catch((cause) => {
      throw ledgerFailed(path, cause);
    });
    try {
      const own = await handle.stat();
      if (own.size === 0) await syncDirectory(dirname(path));
      return new LedgerFile(path, handle, own.size > 0 && (await lastByte(handle, own.size)) !== 0x0a);
    } catch (error) {
      await closeQuietly(handle);
      throw ledgerFailed(path, error);
    }
  }

  /**
   * Appends lines, each in one write, and returns when they are on the disk.
   * @throws TtsctlError AUDIT_FAILED
   */
  async append(lines: Iterable<object>): Promise<void> {
    try {
      for (const line of lines) await this.#write(`${JSON.stringify(line)}\n`);
      await this.#handle.datasync();
    } catch (cause) {
      throw ledgerFailed(this.#path, cause);
    }
  }

  async close(): Promise<void> {
    await closeQuietly(this.#handle);
  }

  async #write(line: string): Promise<void> {
    const bytes = Buffer.from(this.#isCut ? `\n${line}` : line);
    const { bytesWritten } = await this.#handle.write(bytes);
    this.#isCut = bytesWritten < bytes.length;
    if (this.#isCut) throw new Error(`only ${bytesWritten} of ${bytes.length} bytes could be written`);
  }
}

async function lastByte(handle: FileHandle, size: number): Promise<number | undefined> {
  return (await handle.read(Buffer.alloc(1), 0, 1, size - 1)).buffer[0];
}

function otherFile(path: string): TtsctlError {
  return new TtsctlError("CONFIG_INVALID", `[audit] path names ${path}, which is a file of its own`, {
    hint: "the ledger cannot be the store file or config.ini; name another file",
  });
}

function ledgerFailed(path: string, cause: unknown): TtsctlError {
  return new TtsctlError("AUDIT_FAILED", `cannot write the audit ledger ${path}: ${whyNotWritten(cause)}`, {
    hint: "nothing is changed that is not in the ledger; mend [audit] path (TTSCTL_AUDIT), and run it again",
    cause,
  });
}
