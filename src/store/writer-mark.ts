import { randomBytes } from "node:crypto";
import { readdir, unlink } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { Clock } from "../clock.ts";
import { hasCode, valueIf } from "../errors.ts";
import { LOCK_WAIT_S, type Lock, lockPath, type MirrorLock, takeLock } from "./file/lock.ts";

export type WriterMark = ReturnType<typeof writerMark>;

/**
 * A lock file that a writer of both stores holds, and removes once Redis has all changes. A free one was left by a killed one.
 * @param targetOf the store file, links followed @param onLeft called if Redis may lack changes of an ended process
 */
export function writerMark(targetOf: () => Promise<string>, clock: Clock, onLeft: () => void) {
  const own: MirrorLock = `mirror-${process.pid}-${randomBytes(4).toString("hex")}`;
  let lock: Promise<Lock> | undefined;

  /** In place of the marks that were left, or each restart while Redis is down would add one. */
  async function take(): Promise<Lock> {
    const taken = await takeLock(await targetOf(), own, { seconds: LOCK_WAIT_S, clock });
    for (const [mark, free] of await takeLeft()) await drop(mark, free);
    return taken;
  }

  /** Another process may hold one for a moment, to see whether it is free. */
  async function takeLeft(): Promise<[MirrorLock, Lock][]> {
    const target = await targetOf();
    const start = `.${basename(target)}.`;
    const left: [MirrorLock, Lock][] = [];
    for (const name of await readdir(dirname(target)).catch(() => [])) {
      const mark = name.slice(start.length, -".lock".length) as MirrorLock;
      if (!name.startsWith(`${start}mirror-`) || !name.endsWith(".lock") || mark === own) continue;
      const isHeld = hasCode("LOCK_TIMEOUT", "LOCK_UNAVAILABLE");
      const free = await takeLock(target, mark, null).catch(valueIf(isHeld, null));
      if (free !== null) left.push([mark, free]);
    }
    if (left.length > 0) onLeft();
    return left;
  }

  async function drop(mark: MirrorLock, held: Lock): Promise<void> {
    await unlink(lockPath(await targetOf(), mark)).catch(() => {});
    await held.release();
  }

  /** To be called before a change of the file. @throws TtsctlError LOCK_UNAVAILABLE */
  async function set(): Promise<void> {
    lock ??= take();
    await lock;
  }

  return {
    set,

    /** Sets the mark if others were left. */
    async takeOver(): Promise<void> {
      const left = await takeLeft();
      for (const [, free] of left) await free.release();
      if (left.length > 0) await set().catch(valueIf(hasCode("LOCK_UNAVAILABLE"), undefined)); // may only read
    },

    /** @param isDone whether Redis has all that was written */
    async close(isDone: boolean): Promise<void> {
      const held = await lock?.catch(() => undefined);
      if (held !== undefined) await (isDone ? drop(own, held) : held.release());
    },
  };
}
