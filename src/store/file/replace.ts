import { spawn } from "node:child_process";
import { constants } from "node:fs";
import { type FileHandle, link, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { describeSystemError, systemErrorCode, TtsctlError } from "../../errors.ts";
import type { Splice } from "./edit.ts";
import { type FileIdentity, identityOf, sameContent, sameIdentity } from "./identity.ts";
import { type Snapshot, unreadable } from "./snapshot.ts";
import { syncFolder } from "./sync-folder.ts";

const WINDOW = 1 << 20;

/** Where the new content is written before it takes the place of the store file. */
export function temporaryPath(target: string): string {
  return join(dirname(target), `.${basename(target)}.ttsctl`);
}

/**
 * What the path names now, or null.
 * @throws TtsctlError STORE_UNREADABLE
 */
export async function identityAt(path: string): Promise<FileIdentity | null> {
  try {
    return identityOf(await stat(path, { bigint: true }));
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return null;
    throw unreadable(path, error);
  }
}

/**
 * Removes the temporary file that a killed run left.
 * @throws TtsctlError STORE_WRITE_FAILED
 */
export async function removeLeftover(target: string): Promise<void> {
  try {
    await rm(temporaryPath(target), { force: true });
  } catch (cause) {
    throw writeFailed(target, cause);
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
  let ours: FileIdentity | null = null;
  try {
    await rm(temporary, { force: true });
    ours = await writeTemporary(temporary, target, snapshot, splices);
    if (!(await takePlaceOrBack(temporary, target, { read: snapshot.identity, ours, displaced }))) {
      return { identity: null, displaced };
    }
    const now = await identityAt(target).catch(() => null);
    // Our own rename changed the ctime. If they have written again already, the caller must see that it is not ours.
    return { identity: now !== null && sameContent(now, ours) ? now : ours, displaced };
  } catch (cause) {
    for (const handle of displaced) await handle.close();
    if (cause instanceof TtsctlError) throw cause;
    throw writeFailed(target, cause);
  } finally {
    await removeTemporary(temporary, snapshot.identity, ours).catch(() => {});
  }
}

/** Removes the temporary file where it is our new content or what we had read; anything else is somebody's write. */
async function removeTemporary(temporary: string, read: FileIdentity | null, ours: FileIdentity | null): Promise<void> {
  const there = await identityAt(temporary);
  const known = [read, ours].some((identity) => there !== null && identity !== null && sameContent(there, identity));
  if (known || ours === null) await rm(temporary, { force: true });
}

function writeFailed(target: string, cause: unknown): TtsctlError {
  return new TtsctlError("STORE_WRITE_FAILED", `cannot rewrite ${target}: ${describeSystemError(cause)}`, {
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
  const content = new Content(snapshot);
  const out = new Output(handle);
  let at = 0;
  for await (const splice of splices) {
    await content.copy(at, splice.from, out);
    await out.write(Buffer.from(splice.text));
    at = splice.end;
  }
  await content.copy(at, content.size, out);
  await out.flush();
}

/** What is read of a snapshot from its start to its end, in large windows, however short the pieces are that are taken. */
class Content {
  readonly size: number;
  readonly #snapshot: Snapshot;
  readonly #window: Buffer;
  #from = 0;
  #end = 0;

  constructor(snapshot: Snapshot) {
    this.size = snapshot.layout?.size ?? 0;
    this.#snapshot = snapshot;
    this.#window = Buffer.allocUnsafeSlow(Math.min(WINDOW, this.size));
  }

  /** Copies the bytes from one place to another, which lies behind all that was copied before. */
  async copy(from: number, end: number, out: Output): Promise<void> {
    for (let at = from; at < end; ) {
      if (at >= this.#end) await this.#read(at);
      const stop = Math.min(end, this.#end);
      await out.write(this.#window.subarray(at - this.#from, stop - this.#from));
      at = stop;
    }
  }

  async #read(from: number): Promise<void> {
    this.#from = from;
    this.#end = Math.min(from + this.#window.length, this.size);
    await this.#snapshot.readInto(this.#window.subarray(0, this.#end - from), from);
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

/** Whether this machine and file system have been seen to exchange two files in one step, or not to. */
let canExchange: boolean | undefined;

/**
 * The temporary file takes the target's place, unless the target is no longer what was read. Where the platform can,
 * the two are exchanged, not renamed: what came back shows whether the service wrote between our last look and the
 * exchange, and then it goes back at once. A plain rename would have destroyed that write unseen.
 */
async function takePlace(temporary: string, target: string, placing: Placing): Promise<boolean> {
  const { read, ours } = placing;
  if (!sameIdentity(await identityAt(target), read)) return false;
  if (read === null) return createAt(temporary, target);
  if (canExchange === false) return renameAt(temporary, target, read);
  await exchange(temporary, target);
  // What mv(1) said does not matter, a signal may have ended it at any point: the files tell.
  const got = await identityAt(temporary);
  if (got !== null && sameContent(got, read)) {
    canExchange = true;
    return true;
  }
  if (got === null || sameContent(got, ours)) {
    canExchange ??= false;
    return renameAt(temporary, target, read);
  }
  await giveBack(temporary, target, { ...placing, got });
  return false;
}

/** The next best: a rename right after a last look. What is written between the two is lost. */
async function renameAt(temporary: string, target: string, read: FileIdentity): Promise<boolean> {
  if (!sameIdentity(await identityAt(target), read)) return false;
  await rename(temporary, target);
  return true;
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

/** How often an exchange that a signal may have ended is tried again. */
const EXCHANGE_TRIES = 5;

/**
 * Somebody wrote in between, and their file came back. It goes to its place again; if what comes out then is not what
 * we put there, they wrote once more, and that one is the latest.
 */
async function giveBack(
  temporary: string,
  target: string,
  { ours, displaced, ...exchanged }: Placing & { got: FileIdentity },
): Promise<void> {
  let { got } = exchanged;
  let placed = ours;
  displaced.push(await open(temporary, constants.O_RDONLY));
  for (let tries = 0; tries < EXCHANGE_TRIES; tries++) {
    await exchange(temporary, target);
    const next = await identityAt(temporary);
    if (next === null || sameContent(next, placed)) return rm(temporary, { force: true });
    if (sameContent(next, got)) continue; // the exchange did not happen
    displaced.push(await open(temporary, constants.O_RDONLY));
    placed = got;
    got = next;
    tries = 0;
  }
  // Theirs is in the temporary file still. Ours has no right to its place.
  const there = await identityAt(target);
  if (there !== null && sameContent(there, placed)) await rename(temporary, target);
}

/** Takes the target's place for good; where that fails halfway, the old content is back in it. */
async function takePlaceOrBack(temporary: string, target: string, placing: Placing): Promise<boolean> {
  try {
    if (!(await takePlace(temporary, target, placing))) return false;
    await syncFolder(dirname(target));
    return true;
  } catch (cause) {
    await takeBack(temporary, target, placing);
    const there = await identityAt(target);
    if (there === null || !sameContent(there, placing.ours)) throw cause;
    throw new TtsctlError(
      "STORE_WRITE_FAILED",
      `${target} was rewritten, but its folder not synced: ${describeSystemError(cause)}`,
      {
        hint: "whether the new content outlives a power cut is unknown; check the disk, and run it again",
        cause,
      },
    );
  }
}

/** Undoes an exchange: what the temporary file holds shows how far it came. After a plain rename it holds nothing. */
async function takeBack(temporary: string, target: string, placing: Placing): Promise<void> {
  const { read, ours, displaced } = placing;
  const held = await identityAt(temporary);
  if (held === null || read === null || sameContent(held, ours)) return;
  if (!sameContent(held, read)) return giveBack(temporary, target, { ...placing, got: held });
  await exchange(temporary, target);
  const got = await identityAt(temporary);
  const isKnown = got === null || sameContent(got, ours) || sameContent(got, read);
  if (!isKnown) await giveBack(temporary, target, { read, ours: read, displaced, got });
}

/** Asks to exchange two files in one step. Apart from the terminal's signals, so that Ctrl-C does not hit it midway. */
function exchange(a: string, b: string): Promise<void> {
  return new Promise((resolve) => {
    const child = spawn("mv", ["--exchange", "--no-copy", "-T", "--", a, b], { stdio: "ignore", detached: true });
    child.on("error", () => resolve());
    child.on("exit", () => resolve());
  });
}
