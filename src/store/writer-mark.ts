import { randomBytes } from "node:crypto";
import { readdir, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { TtsctlError, valueIf } from "../errors.ts";
import { type Lock, lockPath, type MirrorLock, takeLock } from "./file/lock.ts";

/** A lock file that a writer of both stores holds, and removes once Redis has all changes. A free one was left by a killed one. */
export class WriterMark {
  readonly #target: () => Promise<string>;
  readonly #purpose: MirrorLock = `mirror-${process.pid}-${randomBytes(4).toString("hex")}`;
  #lock: Promise<Lock> | undefined;
  #left: Promise<readonly string[]> | undefined;
  readonly #onLeft: () => void;

  /** @param target the store file, links followed @param onLeft called if Redis may lack changes of an ended process */
  constructor(target: () => Promise<string>, onLeft: () => void) {
    this.#target = target;
    this.#onLeft = onLeft;
  }

  /** To be called before a change of the file. @throws TtsctlError LOCK_UNAVAILABLE */
  async set(): Promise<void> {
    this.#lock ??= this.#take();
    await this.#lock;
  }

  /** This mark replaces those that were left, or there would be one more after each restart while Redis is down. */
  async #take(): Promise<Lock> {
    const lock = await takeLock(await this.#target(), this.#purpose, null);
    await dropMarks(await this.leftByOthers());
    return lock;
  }

  /** @param isDone whether Redis has all that was written */
  async close(isDone: boolean): Promise<void> {
    const lock = await this.#lock?.catch(() => undefined);
    if (lock === undefined) return;
    if (isDone) await dropMarks([lockPath(await this.#target(), this.#purpose)]);
    await lock.release();
  }

  /** The marks of ended processes, as on the first call: to be removed when Redis has their changes. */
  leftByOthers(): Promise<readonly string[]> {
    this.#left ??= this.#find();
    return this.#left;
  }

  async #find(): Promise<readonly string[]> {
    const target = await this.#target();
    const start = `.${basename(target)}.`;
    const found: string[] = [];
    for (const name of await readdir(dirname(target)).catch(() => [])) {
      const purpose = name.startsWith(start) && name.endsWith(".lock") ? name.slice(start.length, -".lock".length) : "";
      if (!purpose.startsWith("mirror-") || purpose === this.#purpose) continue;
      const isTaken = (error: unknown) => error instanceof TtsctlError;
      const lock = await takeLock(target, purpose as MirrorLock, null).catch(valueIf(isTaken, null));
      if (lock === null) continue;
      found.push(join(dirname(target), name));
      await lock.release();
    }
    if (found.length > 0) this.#onLeft();
    return found;
  }
}

export async function dropMarks(paths: readonly string[]): Promise<void> {
  for (const path of paths) await unlink(path).catch(() => {});
}
