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
  let left: Promise<readonly MirrorLock[]> | undefined;

  /** In place of the marks that were left, or each restart while Redis is down would add one. Others may hold it, to see whether it is free. */
  async function take(): Promise<Lock> {
    const taken = await takeLock(await targetOf(), own, { seconds: LOCK_WAIT_S, clock });
    await dropLeft();
    return taken;
  }

  /** Null if another process holds it. */
  async function takeFree(mark: MirrorLock): Promise<Lock | null> {
    return takeLock(await targetOf(), mark, null).catch(valueIf(hasCode("LOCK_TIMEOUT", "LOCK_UNAVAILABLE"), null));
  }

  async function find(): Promise<readonly MirrorLock[]> {
    const target = await targetOf();
    const start = `.${basename(target)}.`;
    const found: MirrorLock[] = [];
    for (const name of await readdir(dirname(target)).catch(() => [])) {
      const mark = name.slice(start.length, -".lock".length) as MirrorLock;
      if (!name.startsWith(`${start}mirror-`) || !name.endsWith(".lock") || mark === own) continue;
      const free = await takeFree(mark);
      if (free !== null) found.push(mark);
      await free?.release();
    }
    if (found.length > 0) onLeft();
    return found;
  }

  /** Looks for marks of ended processes, once. */
  function lookForLeft(): Promise<readonly MirrorLock[]> {
    left ??= find();
    return left;
  }

  /** Removes those marks: Redis has the changes. One that is held by now was only being made. */
  async function dropLeft(): Promise<void> {
    for (const mark of await lookForLeft()) await drop(mark, await takeFree(mark));
  }

  async function drop(mark: MirrorLock, held: Lock | null): Promise<void> {
    if (held !== null) await unlink(lockPath(await targetOf(), mark)).catch(() => {});
    await held?.release();
  }

  return {
    lookForLeft,
    dropLeft,

    /** To be called before a change of the file. @throws TtsctlError LOCK_UNAVAILABLE */
    async set(): Promise<void> {
      lock ??= take();
      await lock;
    },

    /** @param isDone whether Redis has all that was written */
    async close(isDone: boolean): Promise<void> {
      const held = (await lock?.catch(() => null)) ?? null;
      await (isDone ? drop(own, held) : held?.release());
    },
  };
}
