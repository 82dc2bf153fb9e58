import { spawn } from "node:child_process";
import { constants } from "node:fs";
import { type FileHandle, link, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { systemErrorCode, TtsctlError } from "../../errors.ts";
import type { Splice } from "./edit.ts";
import { type FileIdentity, identityOf, sameContent, sameIdentity } from "./identity.ts";
import type { Snapshot } from "./snapshot.ts";

const WINDOW = 1 << 20;

/** Where the new content is written before it takes the place of the store file. */
export function temporaryPath(target: string): string {
  return join(dirname(target), `.${basename(target)}.ttsctl`);
}

/** What the path names now, or null. */
export async function identityAt(path: string): Promise<FileIdentity | null> {
  try {
    return identityOf(await stat(path, { bigint: true }));
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return null;
    throw error;
  }
}

/** What became of a rewrite. */
export interface Replacement {
  /** The new content; null where somebody else wrote the file since it was read, and theirs stays. */
  readonly identity: FileIdentity | null;
  /**
   * Contents that somebody else wrote between our last look and the exchange. They were out of their place for some
   * milliseconds, so whoever read the file then did not see them. The caller closes them.
   */
  readonly displaced: FileHandle[];
}

/**
 * Puts the snapshot's content, with the splices made, in the place of `target`, atomically and durably.
 * @throws TtsctlError STORE_WRITE_FAILED; the old file is intact and no temporary file is left
 */
export async function replaceFile(
  target: string,
  snapshot: Snapshot,
  splices: AsyncIterable<Splice>,
): Promise<Replacement> {
  const temporary = temporaryPath(target);
  const displaced: FileHandle[] = [];
  try {
    await rm(temporary, { force: true });
    const ours = await writeTemporary(temporary, target, snapshot, splices);
    if (!(await takePlace(temporary, target, { read: snapshot.identity, ours, displaced }))) {
      return { identity: null, displaced };
    }
    await syncFolder(dirname(target));
    const now = await identityAt(target);
    // Our own rename changed the ctime. If they have written again already, the caller must see that it is not ours.
    return { identity: now !== null && sameContent(now, ours) ? now : ours, displaced };
  } catch (cause) {
    for (const handle of displaced) await handle.close();
    if (cause instanceof TtsctlError) throw cause;
    throw writeFailed(target, cause);
  } finally {
    await rm(temporary, { force: true }).catch(() => {});
  }
}

function writeFailed(target: string, cause: unknown): TtsctlError {
  return new TtsctlError("STORE_WRITE_FAILED", `cannot rewrite ${target}: ${systemErrorCode(cause) ?? String(cause)}`, {
    hint: "the file is as it was; check free disk space, and the owner and mode of the file and its folder",
    cause,
  });
}

async function writeTemporary(temporary: string, target: string, snapshot: Snapshot, splices: AsyncIterable<Splice>) {
  const handle = await open(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    await copySpliced(snapshot, splices, handle);
    await keepModeAndOwner(handle, target);
    await handle.sync();
    return identityOf(await handle.stat({ bigint: true }));
  } finally {
    await handle.close();
  }
}

/** Mode and owner are kept, or the rewrite is refused. A new file gets the usual mode. */
async function keepModeAndOwner(handle: FileHandle, target: string): Promise<void> {
  const old = await stat(target).catch(() => null);
  if (old === null) return handle.chmod(0o666 & ~process.umask());
  const now = await handle.stat();
  if (now.uid !== old.uid || now.gid !== old.gid) {
    try {
      await handle.chown(old.uid, old.gid);
    } catch (cause) {
      throw new TtsctlError("STORE_WRITE_FAILED", `cannot keep the owner ${old.uid}:${old.gid} of ${target}`, {
        hint: "nothing was changed; run ttsctl as the user that the service runs as",
        cause,
      });
    }
  }
  await handle.chmod(old.mode & 0o7777);
}

/** Streams the snapshot into `handle` with the splices made. */
async function copySpliced(snapshot: Snapshot, splices: AsyncIterable<Splice>, handle: FileHandle): Promise<void> {
  const out = new Output(handle);
  let at = 0;
  for await (const splice of splices) {
    await copyRange(snapshot, at, splice.from, out);
    await out.write(Buffer.from(splice.text));
    at = splice.end;
  }
  await copyRange(snapshot, at, snapshot.layout?.size ?? 0, out);
  await out.flush();
}

async function copyRange(snapshot: Snapshot, from: number, end: number, out: Output): Promise<void> {
  const window = Buffer.allocUnsafeSlow(Math.min(WINDOW, Math.max(0, end - from)));
  for (let at = from; at < end; at += WINDOW) {
    const bytes = window.subarray(0, Math.min(WINDOW, end - at));
    await snapshot.readInto(bytes, at);
    await out.write(bytes);
  }
}

/** Collects small writes into large ones. */
class Output {
  readonly #handle: FileHandle;
  readonly #buffer = Buffer.allocUnsafe(WINDOW);
  #used = 0;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async write(bytes: Buffer): Promise<void> {
    if (this.#used + bytes.length > WINDOW) await this.flush();
    if (bytes.length > WINDOW) return this.#writeAll(bytes);
    this.#used += bytes.copy(this.#buffer, this.#used);
  }

  async flush(): Promise<void> {
    await this.#writeAll(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }

  async #writeAll(bytes: Buffer): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      done += (await this.#handle.write(bytes, done, bytes.length - done)).bytesWritten;
    }
  }
}

interface Placing {
  /** What the target was when it was read. */
  readonly read: FileIdentity | null;
  /** The temporary file. */
  readonly ours: FileIdentity;
  readonly displaced: FileHandle[];
}

/**
 * The temporary file takes the target's place, unless the target is no longer what was read. Where the platform can,
 * the two are exchanged, not renamed: what came back shows whether the service wrote between our last look and the
 * exchange, and then it goes back at once. A plain rename would have destroyed that write unseen.
 */
async function takePlace(temporary: string, target: string, placing: Placing): Promise<boolean> {
  const { read, ours } = placing;
  if (!sameIdentity(await identityAt(target), read)) return false;
  if (read === null) return createAt(temporary, target);
  if (!(await exchange(temporary, target))) {
    await rename(temporary, target);
    return true;
  }
  const got = await identityAt(temporary);
  if (got === null || sameContent(got, read)) return true;
  await giveBack(temporary, target, { ...placing, got, placed: ours });
  return false;
}

/** A file that was not there is made only if it still is not. */
async function createAt(temporary: string, target: string): Promise<boolean> {
  try {
    await link(temporary, target);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === "EEXIST") return false;
    throw error;
  }
}

/**
 * Somebody wrote in between, and their file came back. It goes to its place again; if what comes out then is not what
 * we put there, they wrote once more, and that one is the latest.
 */
async function giveBack(
  temporary: string,
  target: string,
  { displaced, ...exchanged }: Placing & { got: FileIdentity; placed: FileIdentity },
): Promise<void> {
  let { got, placed } = exchanged;
  for (;;) {
    displaced.push(await open(temporary, constants.O_RDONLY));
    await exchange(temporary, target);
    const next = await identityAt(temporary);
    if (next === null || sameContent(next, placed)) return;
    placed = got;
    got = next;
  }
}

/** Exchanges two files in one step. False where mv(1), the kernel or the file system cannot: then nothing happened. */
function exchange(a: string, b: string): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn("mv", ["--exchange", "--no-copy", "-T", "--", a, b], { stdio: "ignore" });
    child.on("error", () => resolve(false));
    child.on("exit", (code) => resolve(code === 0));
  });
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
