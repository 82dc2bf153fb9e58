import { type FileHandle, open } from "node:fs/promises";
import { systemErrorCode, TtsctlError } from "../../errors.ts";
import type { Task } from "../../task/task.ts";

/** A JSON Lines file that gets every purged record before it goes. */
export class BackupFile {
  readonly #path: string;
  readonly #handle: FileHandle;

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  /** @throws TtsctlError BACKUP_FAILED */
  static async open(path: string): Promise<BackupFile> {
    try {
      return new BackupFile(path, await open(path, "a", 0o600));
    } catch (cause) {
      throw failed(path, cause);
    }
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
  return new TtsctlError(
    "BACKUP_FAILED",
    `cannot write the backup ${path}: ${systemErrorCode(cause) ?? String(cause)}`,
    {
      hint: "no task whose record is not in the backup was purged; name another file with --backup",
      cause,
    },
  );
}
