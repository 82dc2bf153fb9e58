import { randomBytes } from "node:crypto";
import { readdir, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { TtsctlError } from "../errors.ts";
import { type Lock, lockPath, type MirrorLock, takeLock } from "./file/lock.ts";

/** The note in the lock file once a task was removed: no sync finds what Redis kept of it. */
const REMOVALS = "removed tasks";

/** Changes of processes that ended, which Redis may lack. */
export interface LeftUndone {
  /** The marks, to remove when Redis has the changes. */
  readonly paths: readonly string[];
  readonly removals: boolean;
}

/**
 * A lock file beside the store file. A writer of both stores holds its lock, and removes it at the end if Redis has all
 * changes. A free lock was left by a process that was killed, or that ended while Redis was down.
 */
export class WriterMark {
  readonly #target: () => Promise<string>;
  readonly #purpose: MirrorLock = `mirror-${process.pid}-${randomBytes(4).toString("hex")}`;
  #lock: Promise<Lock> | undefined;
  #left: Promise<LeftUndone> | undefined;
  #saysRemovals = false;

  /** @param target the store file, with links followed */
  constructor(target: () => Promise<string>) {
    this.#target = target;
  }

  /** To be called before a change of the file. @throws TtsctlError LOCK_UNAVAILABLE */
  async set(removes: boolean): Promise<void> {
    this.#lock ??= this.#take();
    const lock = await this.#lock;
    if (removes) await this.#sayRemovals(lock);
  }

  /** This mark replaces those that were left, or there would be one more after each restart while Redis is down. */
  async #take(): Promise<Lock> {
    const lock = await takeLock(await this.#target(), this.#purpose, null);
    const { paths, removals } = await this.leftByOthers();
    if (removals) await this.#sayRemovals(lock);
    await dropMarks(paths);
    return lock;
  }

  async #sayRemovals(lock: Lock): Promise<void> {
    if (this.#saysRemovals) return;
    this.#saysRemovals = true;
    await lock.leave(REMOVALS);
  }

  /** @param isDone whether Redis has all that was written */
  async close(isDone: boolean): Promise<void> {
    const lock = await this.#lock?.catch(() => undefined);
    if (lock === undefined) return;
    if (isDone) await dropMarks([lockPath(await this.#target(), this.#purpose)]);
    await lock.release();
  }

  /** The marks of ended processes, as on the first call. */
  leftByOthers(): Promise<LeftUndone> {
    this.#left ??= this.#find();
    return this.#left;
  }

  async #find(): Promise<LeftUndone> {
    const target = await this.#target();
    const start = `.${basename(target)}.`;
    const found: { path: string; note: string }[] = [];
    for (const name of await readdir(dirname(target)).catch(() => [])) {
      const purpose = name.startsWith(start) && name.endsWith(".lock") ? name.slice(start.length, -".lock".length) : "";
      if (!purpose.startsWith("mirror-") || purpose === this.#purpose) continue;
      const lock = await takeLock(target, purpose as MirrorLock, null).catch(unlessLocked);
      if (lock === null) continue;
      found.push({ path: join(dirname(target), name), note: lock.note });
      await lock.release();
    }
    return { paths: found.map(({ path }) => path), removals: found.some(({ note }) => note === REMOVALS) };
  }
}

export async function dropMarks(paths: readonly string[]): Promise<void> {
  for (const path of paths) await unlink(path).catch(() => {});
}

function unlessLocked(error: unknown): null {
  if (error instanceof TtsctlError) return null;
  throw error;
}
