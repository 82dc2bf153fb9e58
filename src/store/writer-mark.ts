import { randomBytes } from "node:crypto";
import { readdir, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { TtsctlError, valueIf } from "../errors.ts";
import { type Lock, lockPath, type MirrorLock, takeLock } from "./file/lock.ts";

export type WriterMark = ReturnType<typeof writerMark>;

/**
 * A lock file that a writer of both stores holds, and removes once Redis has all changes. A free one was left by a killed one.
 * @param targetOf the store file, links followed @param onLeft called if Redis may lack changes of an ended process
 */
export function writerMark(targetOf: () => Promise<string>, onLeft: () => void) {
  const purpose: MirrorLock = `mirror-${process.pid}-${randomBytes(4).toString("hex")}`;
  let lock: Promise<Lock> | undefined;
  let left: Promise<readonly string[]> | undefined;

  /** This mark replaces those that were left, or there would be one more after each restart while Redis is down. */
  async function take(): Promise<Lock> {
    const taken = await takeLock(await targetOf(), purpose, null);
    await dropMarks(await leftByOthers());
    return taken;
  }

  /** The marks of ended processes, as on the first call: to be removed when Redis has their changes. */
  function leftByOthers(): Promise<readonly string[]> {
    left ??= find();
    return left;
  }

  async function find(): Promise<readonly string[]> {
    const target = await targetOf();
    const start = `.${basename(target)}.`;
    const found: string[] = [];
    const isTaken = (error: unknown) => error instanceof TtsctlError;
    for (const name of await readdir(dirname(target)).catch(() => [])) {
      const other = name.startsWith(start) && name.endsWith(".lock") ? name.slice(start.length, -".lock".length) : "";
      if (!other.startsWith("mirror-") || other === purpose) continue;
      const free = await takeLock(target, other as MirrorLock, null).catch(valueIf(isTaken, null));
      if (free === null) continue;
      found.push(join(dirname(target), name));
      await free.release();
    }
    if (found.length > 0) onLeft();
    return found;
  }

  return {
    leftByOthers,

    /** To be called before a change of the file. @throws TtsctlError LOCK_UNAVAILABLE */
    async set(): Promise<void> {
      lock ??= take();
      await lock;
    },

    /** @param isDone whether Redis has all that was written */
    async close(isDone: boolean): Promise<void> {
      const held = await lock?.catch(() => undefined);
      if (held === undefined) return;
      if (isDone) await dropMarks([lockPath(await targetOf(), purpose)]);
      await held.release();
    },
  };
}

export async function dropMarks(paths: readonly string[]): Promise<void> {
  for (const path of paths) await unlink(path).catch(() => {});
}
