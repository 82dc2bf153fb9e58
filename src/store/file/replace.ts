import { constants, fstatSync, linkSync, renameSync, statSync } from "node:fs";
import { type FileHandle, open, readFile, rm, stat, statfs } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { closeQuietly, describeSystemError, hasCode, TtsctlError, valueIf, writeAdvice } from "../../errors.ts";
import { formatBytes } from "../../task/amounts.ts";
import type { Splice } from "./edit.ts";
import { type FileIdentity, identityAt, identityNow, sameContent, sameIdentity } from "./identity.ts";
import { loadPosix, type Posix } from "./posix.ts";
import { type Snapshot, WINDOW } from "./snapshot.ts";
import { giveAway, openUnnamed, syncDirectory } from "./written-file.ts";

export function temporaryPath(target: string): string {
  return join(dirname(target), `.${basename(target)}.ttsctl`);
}

/** Removes the temporary file of a killed run. @throws TtsctlError STORE_WRITE_FAILED */
export async function removeLeftover(target: string): Promise<void> {
  await rm(temporaryPath(target), { force: true }).catch((cause) => {
    throw writeFailed(target, cause);
  });
}

/**
 * Replaces `target`, which the snapshot's path names, by its content with the splices made, atomically and durably.
 * @param announce called with the new content just before it is put in place
 * @returns the new content; null if another process wrote the file after it was read, and its content was kept
 * @throws TtsctlError STORE_WRITE_FAILED; the old file is intact and no temporary file is left
 */
export async function replaceFile(
  target: string,
  snapshot: Snapshot,
  splices: AsyncIterable<Splice>,
  announce: (ours: FileIdentity) => Promise<void> = async () => {},
): Promise<FileIdentity | null> {
  const temporary = temporaryPath(target);
  const posix = await loadPosix();
  let handle: FileHandle | undefined;
  let placing: Placing | undefined;
  try {
    await rm(temporary, { force: true });
    handle = await open(temporary, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
    await writeSpliced(handle, snapshot, splices);
    if (snapshot.fd === null) {
      await giveAway(handle, target);
      await handle.chmod(0o666 & ~process.umask());
    } else await keepPermissions(handle, snapshot.fd, target);
    await handle.sync();
    const ours = await handle.stat({ bigint: true });
    await announce(ours);
    placing = { posix, path: snapshot.path, target, temporary, read: snapshot.identity, ours };
    return (await takePlaceOrBack(placing)) ? await placedIdentity(snapshot.path, ours) : null;
  } catch (cause) {
    if (cause instanceof TtsctlError) throw cause;
    throw writeFailed(target, cause);
  } finally {
    if (handle !== undefined) await closeQuietly(handle);
    await removeTemporary(temporary, placing).catch(() => {});
  }
}

/** The exchange changed our file's ctime. If another process has written since, the caller must see that. */
async function placedIdentity(path: string, ours: FileIdentity): Promise<FileIdentity> {
  const now = await identityAt(path).catch(() => null);
  return now !== null && sameContent(now, ours) ? now : ours;
}

/** Removes the temporary file if it holds our content or the content that was read; anything else is another process's write. */
async function removeTemporary(temporary: string, placing: Placing | undefined): Promise<void> {
  const there = await identityAt(temporary);
  if (placing !== undefined && ![placing.read, placing.ours].some((known) => sameContent(there, known))) return;
  await rm(temporary, { force: true });
}

function failure(message: string, hint: string, cause?: unknown): TtsctlError {
  return new TtsctlError("STORE_WRITE_FAILED", message, { hint, cause });
}

function writeFailed(target: string, cause: unknown): TtsctlError {
  const hint = `the file is unchanged; ${writeAdvice(cause)}`;
  return failure(`cannot rewrite ${target}: ${describeSystemError(cause)}`, hint, cause);
}

/** Gives a new file the owner, attributes (POSIX ACLs among them) and mode of the target's open file. @throws STORE_WRITE_FAILED */
async function keepPermissions(handle: FileHandle, from: number, target: string): Promise<void> {
  const [old, now, posix] = [fstatSync(from), await handle.stat(), await loadPosix()];
  if (now.uid !== old.uid || now.gid !== old.gid) {
    await handle.chown(old.uid, old.gid).catch((cause) => {
      throw cannotKeep(`the owner ${old.uid}:${old.gid}`, target, cause);
    });
  }
  if (posix !== null) keepAttributes(posix, from, handle.fd, target);
  await handle.chmod(old.mode & 0o7777);
}

/** Also removes what a default ACL of the directory gave to the new file. */
function keepAttributes(posix: Posix, from: number, to: number, target: string): void {
  const old = posix.attributes(from);
  const inherited = posix.attributes(to);
  const change = (name: string, call: () => void) => {
    // Labels of the kernel's security modules follow their own policy.
    if (/^(security|trusted)\./.test(name)) return;
    try {
      call();
    } catch (cause) {
      throw cannotKeep(`the attribute ${name}`, target, cause);
    }
  };
  for (const name of inherited.keys()) if (!old.has(name)) change(name, () => posix.removeAttribute(to, name));
  for (const [name, value] of old) change(name, () => posix.setAttribute(to, name, value));
}

function cannotKeep(what: string, target: string, cause: unknown): TtsctlError {
  const hint = "the file is unchanged; run ttsctl as the user that the service runs as";
  return failure(`cannot keep ${what} of ${target}: ${describeSystemError(cause)}`, hint, cause);
}

/** Writes the content of a snapshot with the splices made. Short pieces are joined, since each would be a write. */
async function writeSpliced(handle: FileHandle, snapshot: Snapshot, splices: AsyncIterable<Splice>): Promise<void> {
  const read = snapshot.windowed();
  const held = Buffer.allocUnsafe(WINDOW);
  let length = 0;
  let at = 0;
  const flush = async () => {
    await handle.writeFile(held.subarray(0, length)); // at the current position
    length = 0;
  };
  const put = async (piece: Buffer) => {
    const isLarge = piece.length > WINDOW / 2;
    if (isLarge || length + piece.length > WINDOW) await flush();
    if (isLarge) await handle.writeFile(piece);
    else length += piece.copy(held, length);
  };
  const keepUpTo = async (end: number) => {
    for (; at < end; at = Math.min(at + WINDOW, end)) await put(await read(at, Math.min(at + WINDOW, end)));
  };
  for await (const { from, end, text } of splices) {
    await keepUpTo(from);
    if (text !== "") await put(Buffer.from(text));
    at = end;
  }
  await keepUpTo(snapshot.layout?.size ?? 0);
  await flush();
}

/** A new content that is about to replace the store file. */
interface Placing {
  /** May be a symbolic link to the target. */
  readonly path: string;
  readonly target: string;
  readonly posix: Posix | null;
  readonly temporary: string;
  /** The file that was read; null if there was none. */
  readonly read: FileIdentity | null;
  readonly ours: FileIdentity;
}

/**
 * The last look, the exchange and the look at what came out, without an await in between: some 10 microseconds in which
 * a write of another process can be displaced. Such a write goes back at once. A plain rename would have destroyed it.
 * @returns false if the file isn't the one that was read any more
 */
function takePlace(placing: Placing): boolean {
  const { posix, path, target, temporary, read, ours } = placing;
  if (!sameContent(identityNow(temporary), ours)) {
    const hint = "the store file is unchanged; only one ttsctl may write it: was a lock file deleted?";
    throw failure(`another process changed ${temporary}`, hint);
  }
  if (!sameIdentity(identityNow(path), read)) return false;
  if (read === null) return createAt(temporary, target);
  try {
    if (posix === null || !exchange(posix, temporary, target)) {
      renameSync(temporary, target);
      return true;
    }
  } catch (error) {
    return valueIf(hasCode("ENOENT"), false)(error); // deleted since the last look
  }
  const out = identityNow(temporary);
  if (out === null || sameContent(out, read)) return true;
  putBack(placing, posix, ours);
  return false;
}

/** A file that did not exist is created only if it still doesn't. */
function createAt(temporary: string, target: string): boolean {
  try {
    linkSync(temporary, target);
    return true;
  } catch (error) {
    return valueIf(hasCode("EEXIST"), false)(error);
  }
}

/** The errors of renameat2(2) if the kernel, a sandbox or the file system doesn't support the exchange. */
const isUnsupported = hasCode("EINVAL", "ENOSYS", "ENOTSUP", "EPERM");

/** False if two files can't be exchanged here; then a plain rename follows right after the last look. */
function exchange(posix: Posix, a: string, b: string): boolean {
  try {
    posix.exchange(a, b);
    return true;
  } catch (error) {
    return valueIf(isUnsupported, false)(error);
  }
}

/** Puts the write of another process, now in the temporary file, back in place. If that brings out a later one, it is put back in its turn. */
function putBack({ temporary, target }: Placing, posix: Posix, ours: FileIdentity): void {
  for (let placed = ours; ; ) {
    const theirs = statSync(temporary, { bigint: true });
    try {
      posix.exchange(temporary, target);
    } catch {
      renameSync(temporary, target);
      return;
    }
    const out = identityNow(temporary);
    if (out === null || sameContent(out, placed)) return;
    placed = theirs;
  }
}

/** Replaces the file durably. If a step fails, the old content is put back. */
async function takePlaceOrBack(placing: Placing): Promise<boolean> {
  const { target, ours } = placing;
  try {
    if (!takePlace(placing)) return false;
    await syncDirectory(dirname(target));
    return true;
  } catch (cause) {
    takeBack(placing);
    if (!sameContent(identityNow(target), ours)) throw cause;
    const message = `${target} was rewritten, but fsync of its directory failed: ${describeSystemError(cause)}`;
    const hint =
      "it is unknown whether the new content survives a power failure; check the disk, and run the command again";
    throw failure(message, hint, cause);
  }
}

/** Undoes an exchange, however far it came. A plain rename can't be undone: its temporary file is gone. */
function takeBack(placing: Placing): void {
  const { posix, temporary, target, read, ours } = placing;
  const held = identityNow(temporary);
  if (posix === null || held === null || read === null || sameContent(held, ours)) return;
  if (!sameContent(held, read)) {
    putBack(placing, posix, ours);
    return;
  }
  posix.exchange(temporary, target);
  const out = identityNow(temporary);
  if (out !== null && !sameContent(out, ours)) putBack(placing, posix, read);
}

/** Bytes to write for real, since only that detects a quota. */
const WRITTEN = 1 << 22;

/**
 * Checks, before anything is removed that its records name, that the store file can be rewritten: makes a file in its
 * directory, gives it the permissions, and looks for room for a second copy. A dry run only looks. @throws TtsctlError STORE_WRITE_FAILED
 * @param freeable how many bytes the run will free on that disk before the rewrite; asked only without enough room
 */
export async function checkRewrite(file: { target(): Promise<string> }, freeable = async () => 0, dryRun = false) {
  const target = await file.target();
  if (await isMountPoint(target)) {
    const hint = "nothing was changed; mount its directory instead";
    throw failure(`cannot rewrite ${target}: it is a mount point, which no file can replace`, hint);
  }
  try {
    if (dryRun) return void (await checkRoom(target, (await stat(target)).size, freeable));
    const probe = await openUnnamed(target);
    await tryCopy(probe, target, freeable).finally(() => closeQuietly(probe));
  } catch (cause) {
    if (cause instanceof TtsctlError) throw cause;
    throw refused(`cannot rewrite ${target}: ${describeSystemError(cause)}`, cause);
  }
}

/** As a single file that is mounted into a container is. White space and backslashes are written as octal numbers. */
async function isMountPoint(path: string): Promise<boolean> {
  const mounts = await readFile("/proc/self/mountinfo", "utf8").catch(() => "");
  const character = (_: string, octal: string) => String.fromCharCode(Number.parseInt(octal, 8));
  return mounts.split("\n").some((line) => line.split(" ")[4]?.replace(/\\([0-7]{3})/g, character) === path);
}

async function tryCopy(probe: FileHandle, target: string, freeable: () => Promise<number>): Promise<void> {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  const old = await open(target, flags).catch(valueIf(hasCode("ENOENT"), null));
  if (old === null) return;
  try {
    await keepPermissions(probe, old.fd, target);
    const { size } = await old.stat();
    const isThere = await checkRoom(target, size, freeable);
    await probe.truncate(size); // fails above a limit on file sizes
    if (isThere) await probe.writeFile(Buffer.alloc(Math.min(size, WRITTEN))); // all of it: a single write may be short
  } finally {
    await closeQuietly(old);
  }
}

/** Returns whether there is room already, and not only after the run has freed some. */
async function checkRoom(target: string, size: number, freeable: () => Promise<number>): Promise<boolean> {
  const { blocks, bavail, bfree, bsize } = await statfs(dirname(target));
  const free = (process.getuid?.() === 0 ? bfree : bavail) * bsize;
  if (blocks === 0 || free >= size) return true; // some file systems do not count
  const more = await freeable();
  if (free + more >= size) return false;
  const room = `${formatBytes(free)} are free there${more > 0 ? `, and the purge frees ${formatBytes(more)}` : ""}`;
  throw failure(
    `cannot rewrite ${target}: a second copy needs ${formatBytes(size)}, ${room}`,
    "nothing was changed; free disk space",
  );
}

function refused(message: string, cause?: unknown): TtsctlError {
  const room = hasCode("EACCES", "EPERM")(cause) ? "" : "free disk space, or ";
  return failure(message, `nothing was changed; ${room}run ttsctl as the user that the service runs as`, cause);
}
