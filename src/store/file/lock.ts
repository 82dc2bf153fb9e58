import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Clock, later, within } from "../../clock.ts";
import { closeQuietly, describeSystemError, systemErrorCode, TtsctlError } from "../../errors.ts";
import { type FileIdentity, identityAt, sameFile } from "./identity.ts";
import { loadPosix } from "./posix.ts";

/** One rewrite of the file, a whole run that changes tasks, or the one watcher. */
export type LockPurpose = "write" | "run" | "watch" | "owed" | MirrorLock;
/** Held by a writer of both stores (`writer-mark.ts`). */
export type MirrorLock = `mirror-${string}`;

/** A lock between ttsctl processes that is held until `release`, or until the process dies, however it dies. */
export interface Lock {
  /** The last holder's note from `leave`; not in the locks of runs and watchers. */
  readonly note: string;
  /** Leaves a line for the next holder or, in the lock of a run, for processes that wait. */
  leave(note: string): Promise<void>;
  /** Whether its file was deleted or replaced, so other processes can take the lock. @throws TtsctlError LOCK_UNAVAILABLE */
  isLost(): Promise<boolean>;
  release(): Promise<void>;
}

/** How long to wait for another holder. */
export interface LockWait {
  readonly seconds: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  /** Called with the holder after half a second. */
  readonly onWait?: ((holder: string) => void) | undefined;
}

/** A wait that is shorter goes unsaid. */
const SAID_MS = 500;
/** Seconds (docs/contract.md, Store file). */
export const LOCK_WAIT_S = 10;
/** The length of the text of a lock file: always the same, so it is never truncated. */
const LOCK_TEXT = 512;

/**
 * Acquires a lock beside the store file: an flock(2) on a side file, since a rename swaps the store file's inode. The
 * kernel releases it with the process. The side file stays, and names the holder by the words of its command line.
 * @param wait null for not at all
 * @throws TtsctlError LOCK_TIMEOUT (names the holder), LOCK_UNAVAILABLE, INTERRUPTED
 */
export async function takeLock(
  storePath: string,
  purpose: LockPurpose,
  wait: LockWait | null,
  holder: readonly string[] = [],
): Promise<Lock> {
  const path = lockPath(storePath, purpose);
  const handle = await openLockFile(path);
  try {
    const own = await handle.stat({ bigint: true }).catch((cause) => {
      throw lockFileUnavailable(path, cause);
    });
    if (own.nlink > 1n && (await isAt(storePath, own))) {
      throw unavailable(`${path} is a hard link to the store file`, "remove it", undefined);
    }
    if (!(await tryFlock(handle, path)) && !(wait !== null && (await waitForFlock(handle, path, wait)))) {
      if (wait?.signal?.aborted)
        throw new TtsctlError("INTERRUPTED", "interrupted while waiting for another ttsctl: nothing was done");
      throw await heldByAnother(handle, path, purpose, wait?.seconds ?? 0);
    }
    if (!(await isAt(path, own))) {
      await handle.close();
      return takeLock(storePath, purpose, wait, holder);
    }
    const note = purpose !== "run" && purpose !== "watch" ? (await readLockFile(handle)).note : "";
    await writeLockFile(handle, holder, note);
    return {
      note,
      leave: (next) => writeLockFile(handle, holder, next),
      isLost: async () => !(await isAt(path, own)),
      release: () => closeQuietly(handle),
    };
  } catch (error) {
    await closeQuietly(handle);
    throw error;
  }
}

export function lockPath(storePath: string, purpose: LockPurpose): string {
  return join(dirname(storePath), `.${basename(storePath)}.${purpose}.lock`);
}

/**
 * The holder of a lock, such as `pid 123 (cleanup --watch)`; null if it is free. Makes no lock file and doesn't wait; a
 * free lock is shared for some milliseconds, in which no other process can take it. @throws TtsctlError LOCK_UNAVAILABLE
 */
export async function lockHolder(storePath: string, purpose: LockPurpose): Promise<string | null> {
  const path = lockPath(storePath, purpose);
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK; // a named pipe must not block it
  const handle = await open(path, flags).catch((error) => {
    if (systemErrorCode(error) === "ENOENT") return null;
    throw lockFileUnavailable(path, error);
  });
  if (handle === null) return null;
  try {
    return (await tryFlock(handle, path, "shared")) ? null : (await readLockFile(handle)).holder;
  } finally {
    await closeQuietly(handle);
  }
}

/** Another user's lock file can be locked too; only the note can't be written. */
async function openLockFile(path: string): Promise<FileHandle> {
  const { O_RDWR, O_RDONLY, O_CREAT, O_NOFOLLOW } = constants;
  return open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o644)
    .catch((error) => {
      if (systemErrorCode(error) !== "EACCES") throw error;
      return open(path, O_RDONLY | O_NOFOLLOW).catch(() => Promise.reject(error)); // it may be missing
    })
    .catch((cause) => {
      throw lockFileUnavailable(path, cause);
    });
}

function unavailable(message: string, hint: string, cause: unknown): TtsctlError {
  return new TtsctlError("LOCK_UNAVAILABLE", message, { hint, cause });
}

function lockFileUnavailable(path: string, cause: unknown): TtsctlError {
  const hint = "the directory of the store file must be writable by the user that runs ttsctl";
  return unavailable(`cannot open the lock file ${path}: ${describeSystemError(cause)}`, hint, cause);
}

async function isAt(path: string, own: FileIdentity): Promise<boolean> {
  try {
    return sameFile(await identityAt(path), own);
  } catch (cause) {
    throw lockFileUnavailable(path, cause);
  }
}

async function tryFlock(handle: FileHandle, path: string, mode: "exclusive" | "shared" = "exclusive") {
  const posix = await loadPosix();
  if (posix === null) return ended(startFlock([mode === "shared" ? "-s" : "-x", "-n"], handle), path);
  try {
    return posix.tryLock(handle.fd, mode);
  } catch (cause) {
    const hint = "the store file must be on a file system that has locks";
    throw unavailable(`cannot lock ${path}: ${describeSystemError(cause)}`, hint, cause);
  }
}

/**
 * Waits in the kernel's queue, so a holder that comes again and again doesn't keep others out: by flock(1), on a
 * descriptor that it shares with this process. A thread in flock(2) can't be interrupted, and process.exit() would wait for it.
 */
async function waitForFlock(handle: FileHandle, path: string, wait: LockWait): Promise<boolean> {
  const { seconds, clock, signal, onWait } = wait;
  if (signal?.aborted) return false;
  const child = startFlock(["-x"], handle);
  const isLocked = ended(child, path);
  const giveUp = () => {
    child.kill("SIGKILL");
    return isLocked;
  };
  signal?.addEventListener("abort", giveUp);
  const over = new AbortController();
  const say = async () => onWait?.((await readLockFile(handle)).holder);
  void later(clock, SAID_MS, over.signal, say);
  return within(clock, seconds * 1000, isLocked, giveUp).finally(() => {
    over.abort();
    signal?.removeEventListener("abort", giveUp);
  });
}

function startFlock(flags: readonly string[], handle: FileHandle): ChildProcess {
  // Detached from the terminal, so Ctrl-C does not kill it midway.
  return spawn("flock", [...flags, "3"], { stdio: ["ignore", "ignore", "ignore", handle.fd], detached: true });
}

/** Whether flock(1) got the lock; false if another process has it, or it was killed while it waited. */
function ended(child: ChildProcess, path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const hint = "install util-linux (Debian, Fedora), busybox or util-linux (Alpine), `brew install flock` (macOS)";
    const fail = (cause?: unknown) => reject(unavailable(`cannot lock ${path}: flock(1) did not run`, hint, cause));
    child.on("error", fail);
    child.on("exit", (code) => (code === 0 || code === 1 || child.killed ? resolve(code === 0) : fail()));
  });
}

/** A lock file holds two lines: `pid command` of the last holder, and its note. Both are unknown if the disk fails. */
async function readLockFile(handle: FileHandle): Promise<{ holder: string; note: string }> {
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(LOCK_TEXT), 0, LOCK_TEXT, 0).catch((error) => {
    if (systemErrorCode(error) === undefined) throw error;
    return { bytesRead: 0, buffer: Buffer.alloc(0) };
  });
  const [first = "", note = ""] = buffer.toString("utf8", 0, bytesRead).split("\n");
  const [, pid, command] = /^(\d+) (.*)$/.exec(first.trim()) ?? [];
  return { holder: pid === undefined ? "another ttsctl" : `pid ${pid} (${command})`, note };
}

/** Best effort: on a full disk, or in another user's file, the lock holds without its text. */
async function writeLockFile(handle: FileHandle, holder: readonly string[], note: string): Promise<void> {
  // Other values may be secrets; a flag goes with its value.
  const isWord = (arg = "") => /^((--)?[a-z-]{1,20})?$/.test(arg);
  const words = holder.filter((arg, i) => isWord(arg) && (isWord(holder[i + 1]) || !arg.startsWith("-"))).slice(0, 4);
  try {
    await handle.write(`${[process.pid, "ttsctl", ...words].join(" ")}\n${note}\n`.padEnd(LOCK_TEXT), 0);
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
  }
}

async function heldByAnother(handle: FileHandle, path: string, purpose: LockPurpose, waited: number) {
  const { holder, note } = await readLockFile(handle);
  if (purpose === "watch") {
    return new TtsctlError("WATCHER_RUNNING", `${holder} already watches this store`, { hint: `its lock is ${path}` });
  }
  const doing = purpose === "run" && note !== "" ? ` and ${note}` : "";
  return new TtsctlError("LOCK_TIMEOUT", `${holder} holds ${path}${doing}; gave up after ${waited} s`, {
    hint: "wait until it finishes, or stop it; the kernel releases the lock when its holder dies",
  });
}
