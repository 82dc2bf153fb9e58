import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { closeQuietly, describeSystemError, TtsctlError, writeAdvice } from "../../errors.ts";
import { type FileIdentity, sameFile } from "./identity.ts";
import type { Snapshot } from "./snapshot.ts";

const NEWLINE = 0x0a;
const SPACE = 0x20;

/** A file of JSON Lines to append to under the write lock. `O_APPEND` keeps what others append without the lock. */
export class LineLog {
  private constructor(
    private readonly path: string,
    private readonly handle: FileHandle,
  ) {}

  /** Opens the snapshot's file; null if the path names another one by now. @throws TtsctlError STORE_WRITE_FAILED */
  static async open(path: string, snapshot: Snapshot): Promise<LineLog | null> {
    const handle = await open(path, constants.O_RDWR | constants.O_APPEND | constants.O_NONBLOCK).catch((cause) => {
      throw appendFailed(path, cause);
    });
    if (sameFile(await handle.stat({ bigint: true }), snapshot.identity)) return new LineLog(path, handle);
    await closeQuietly(handle);
    return null;
  }

  /** Cuts off an unfinished append. Returns the new identity; null if the file changed since it was read. */
  async cut({ layout }: Snapshot): Promise<FileIdentity | null> {
    if ((await this.handle.stat()).size !== layout!.size) return null;
    await this.handle.truncate(layout!.unfinished!).catch((cause) => {
      throw appendFailed(this.path, cause);
    });
    return this.handle.stat({ bigint: true });
  }

  async bytesOf(lines: readonly string[], snapshot: Snapshot): Promise<Buffer> {
    const { size } = snapshot.layout!;
    const endsLine = (await snapshot.readBytes(size - 1, size))[0] === NEWLINE;
    const texts = endsLine ? lines : ["\n", ...lines];
    return Buffer.concat(texts.map((text) => Buffer.from(text))); // as one string it might be too long
  }

  /**
   * Appends whole lines; they are on the disk when it returns. @param from at most the size of the file
   * @throws TtsctlError STORE_WRITE_FAILED; the lines are blanked, or if that fails too, an unfinished append is left
   */
  async append(bytes: Buffer, from: number): Promise<void> {
    let done = 0;
    try {
      while (done < bytes.length) done += (await this.handle.write(bytes, done, bytes.length - done)).bytesWritten;
      await this.handle.datasync();
    } catch (cause) {
      await this.#blank(bytes.subarray(0, done), from).catch(() => {});
      throw appendFailed(this.path, cause);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return closeQuietly(this.handle);
  }

  /** Overwrites what was written with spaces, wherever it is. To cut it off might cut off a line that another program appends. */
  async #blank(written: Buffer, from: number): Promise<void> {
    const length = (await this.handle.stat()).size - from;
    const { buffer } = await this.handle.read(Buffer.alloc(length), 0, length, from);
    const at = buffer.indexOf(written);
    if (at < 0 || written.length === 0) return;
    const handle = await open(`/proc/self/fd/${this.handle.fd}`, constants.O_WRONLY); // O_APPEND ignores positions
    try {
      const blanks = written.map((byte) => (byte === NEWLINE ? NEWLINE : SPACE));
      await handle.write(blanks, 0, blanks.length, from + at);
      await handle.datasync();
    } finally {
      await closeQuietly(handle);
    }
  }
}

function appendFailed(path: string, cause: unknown): TtsctlError {
  return new TtsctlError("STORE_WRITE_FAILED", `cannot append to ${path}: ${describeSystemError(cause)}`, {
    hint: writeAdvice(cause),
    cause,
  });
}
