import type { FileHandle } from "node:fs/promises";
import { closeQuietly, TtsctlError } from "../../errors.ts";
import { openToAppend, refuseUsed, whyNotWritten } from "../../store/file/written-file.ts";
import type { Task } from "../../task/task.ts";

/** A JSON Lines file that gets every record before it is purged. */
export class BackupFile {
  readonly #path: string;
  readonly #handle: FileHandle;

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  /**
   * @param used files that can't be a backup
   * @throws TtsctlError BACKUP_FAILED, USAGE
   */
  static async open(path: string, used: readonly string[] = []): Promise<BackupFile> {
    await refuseUsed("--backup", path, used);
    let handle: FileHandle | undefined;
    try {
      handle = await openToAppend(path, 0o600);
      await endLastLine(handle);
      return new BackupFile(path, handle);
    } catch (cause) {
      await closeQuietly(handle);
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
    await closeQuietly(this.#handle);
  }
}

/** An earlier run may have left it unfinished. */
async function endLastLine(handle: FileHandle): Promise<void> {
  const { size } = await handle.stat();
  if (size === 0) return;
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, size - 1);
  if (buffer[0] !== 0x0a) await handle.appendFile("\n");
}

function failed(path: string, cause: unknown): TtsctlError {
  return new TtsctlError("BACKUP_FAILED", `cannot write the backup ${path}: ${whyNotWritten(cause)}`, {
    hint: "no task whose record is not in the backup was purged; name another file with --backup",
    cause,
  });
}
