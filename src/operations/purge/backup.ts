import { type FileHandle, open, stat } from "node:fs/promises";
import { describeSystemError, TtsctlError } from "../../errors.ts";
import type { Task } from "../../task/task.ts";

/** A JSON Lines file that gets every purged record before it goes. */
export class BackupFile {
  readonly #path: string;
  readonly #handle: FileHandle;

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  /**
   * @param notThese files that are no place for a backup: the store file, the audit ledger
   * @throws TtsctlError BACKUP_FAILED, USAGE
   */
  static async open(path: string, notThese: readonly string[] = []): Promise<BackupFile> {
    try {
      const handle = await open(path, "a+", 0o600);
      const backup = new BackupFile(path, handle);
      try {
        await backup.#begin(notThese);
        return backup;
      } catch (error) {
        await handle.close();
        throw error;
      }
    } catch (cause) {
      if (cause instanceof TtsctlError) throw cause;
      throw failed(path, cause);
    }
  }

  /** Ends a last line that an earlier run left unfinished. */
  async #begin(notThese: readonly string[]): Promise<void> {
    const own = await this.#handle.stat();
    for (const path of notThese) {
      const other = await stat(path).catch(() => null);
      if (other === null || own.dev !== other.dev || own.ino !== other.ino) continue;
      throw new TtsctlError("USAGE", `--backup names ${path}, which is a file of its own`, {
        hint: "name another file",
      });
    }
    if (own.size === 0) return;
    const { buffer } = await this.#handle.read(Buffer.alloc(1), 0, 1, own.size - 1);
    if (buffer[0] !== 0x0a) await this.#handle.appendFile("\n");
  }

  /** Returns when the records are on the disk. */
  async append(tasks: readonly Task[]): Promise<void> {
    if (tasks.length === 0) return;
    try {
      await this.#handle.appendFile(tasks.map((task) => `${task.json}\n`).join(""));
      await this.#handle.sync();
    } catch (cause) {
      throw failed(this.#path, cause);
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

function failed(path: string, cause: unknown): TtsctlError {
  return new TtsctlError("BACKUP_FAILED", `cannot write the backup ${path}: ${describeSystemError(cause)}`, {
    hint: "no task whose record is not in the backup was purged; name another file with --backup",
    cause,
  });
}
