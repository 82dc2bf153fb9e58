import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { describeSystemError, TtsctlError } from "../../errors.ts";
import { identityOf, sameFile } from "./identity.ts";
import type { Snapshot } from "./snapshot.ts";

const NEWLINE = 0x0a;

/**
 * A file of JSON Lines, open for appending under the write lock. Every append goes to the end that the file has at that
 * moment (`O_APPEND`), so that nothing is lost of somebody who appends without our lock.
 */
export class LineLog {
  readonly #path: string;
  readonly #handle: FileHandle;

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  /**
   * Opens what a snapshot has read; null where the path names another file by now.
   * @throws TtsctlError STORE_WRITE_FAILED
   */
  static async open(path: string, snapshot: Snapshot): Promise<LineLog | null> {
    const handle = await open(path, constants.O_RDWR | constants.O_APPEND | constants.O_NONBLOCK).catch((cause) => {
      throw appendFailed(path, cause);
    });
    if (sameFile(identityOf(await handle.stat({ bigint: true })), snapshot.identity)) return new LineLog(path, handle);
    await handle.close();
    return null;
  }

  /**
   * Cuts off an append that was never finished, unless the file has moved since it was read.
   * @throws TtsctlError STORE_WRITE_FAILED
   */
  async cut({ layout }: Snapshot): Promise<void> {
    if ((await this.#handle.stat()).size !== layout!.size) return;
    await this.#handle.truncate(layout!.unfinished!).catch((cause) => {
      throw appendFailed(this.#path, cause);
    });
  }

  /**
   * Appends whole lines; they are on the disk when it returns. Returns how many bytes that were.
   * @throws TtsctlError STORE_WRITE_FAILED; nothing of them is there then, or if even that fails, an unfinished append
   */
  async append(lines: string, snapshot: Snapshot): Promise<number> {
    const { size } = snapshot.layout!;
    const endsLine = (await snapshot.readBytes(size - 1, size))[0] === NEWLINE;
    const bytes = Buffer.from(endsLine ? lines : `\n${lines}`);
    let done = 0;
    try {
      while (done < bytes.length) done += (await this.#handle.write(bytes, done, bytes.length - done)).bytesWritten;
      await this.#handle.datasync();
      return done;
    } catch (cause) {
      await this.#takeBack(size, done).catch(() => {});
      throw appendFailed(this.#path, cause);
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  /** Unless somebody has appended behind it. */
  async #takeBack(size: number, done: number): Promise<void> {
    if ((await this.#handle.stat()).size !== size + done) return;
    await this.#handle.truncate(size);
    await this.#handle.datasync();
  }
}

function appendFailed(path: string, cause: unknown): TtsctlError {
  return new TtsctlError("STORE_WRITE_FAILED", `cannot append to ${path}: ${describeSystemError(cause)}`, {
    hint: "check free disk space, and the owner and mode of the file",
    cause,
  });
}
