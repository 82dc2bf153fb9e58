import { constants } from "node:fs";
import { type FileHandle, open, realpath, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { closeQuietly, describeSystemError, hasCode, type TtsctlError, usage, valueIf } from "../../errors.ts";
import { identityAt, sameFile } from "./identity.ts";

/** A file for an operator is missing or regular: a link could lead into any file, and a pipe would block the run. */
const THE_FILE_ITSELF = constants.O_NOFOLLOW | constants.O_NONBLOCK;

class NotRegular extends Error {}

const NEWLINE = 0x0a;

/** A file of lines that other processes append to too. @param error of a failure (`whyNotWritten`) @param store whose owner gets a file that is made */
export async function openAppended(path: string, mode: number, error: (cause: unknown) => TtsctlError, store?: string) {
  let handle: FileHandle | undefined;
  /** Whether the last line may be cut: ours, or that of a killed run. */
  let isCut: boolean;
  let last: Promise<void> = Promise.resolve();
  try {
    const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT;
    handle = await open(path, flags | constants.O_EXCL, mode).catch(valueIf(hasCode("EEXIST"), undefined));
    if (handle !== undefined && store !== undefined) await giveAway(handle, store);
    handle ??= await openRegular(path, flags, mode);
    const { size } = await handle.stat();
    // The directory may be one that may be written but not read.
    if (size === 0) await syncDirectory(dirname(path)).catch(valueIf(hasCode("EACCES"), undefined));
    const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, Math.max(0, size - 1));
    isCut = size > 0 && buffer[0] !== NEWLINE;
  } catch (cause) {
    await closeQuietly(handle);
    throw error(cause);
  }
  const file = handle;

  async function appendNow(texts: readonly string[]): Promise<void> {
    try {
      for (const text of texts) {
        let rest = Buffer.from(isCut ? `\n${text}` : text);
        while (rest.length > 0) {
          const { bytesWritten } = await file.write(rest);
          rest = rest.subarray(bytesWritten);
          isCut = rest.length > 0;
        }
      }
      await file.datasync();
    } catch (cause) {
      throw error(cause);
    }
  }

  return {
    /** Appends texts of whole lines, each in one write; they are on the disk when it returns. Concurrent calls wait. */
    append(texts: readonly string[]): Promise<void> {
      const appended = last.then(() => appendNow(texts));
      last = appended.catch(() => {});
      return appended;
    },
    close: () => closeQuietly(file),
  };
}

/** The text of a file; null if missing. See `whyNotWritten` for its errors. */
export async function readRegular(path: string): Promise<string | null> {
  const handle = await openRegular(path, constants.O_RDONLY).catch(valueIf(hasCode("ENOENT"), null));
  return handle === null ? null : handle.readFile("utf8").finally(() => closeQuietly(handle));
}

/** Gives a file that root has made to the owner of the store file, or of its directory if that is missing: the service goes on with it. */
export async function giveAway(handle: FileHandle, store: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const owner = await stat(store).catch(() => stat(dirname(store)).catch(() => null));
  if (owner !== null) await handle.chown(owner.uid, owner.gid).catch(() => {}); // the disk may have no owners
}

/** fsyncs a directory: without that, a new file or a new name of one may be lost in a power failure. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  await directory.sync().finally(() => closeQuietly(directory));
}

/** Why a file could not be opened or written, for a message. */
export function whyNotWritten(cause: unknown): string {
  if (cause instanceof NotRegular) return cause.message;
  return hasCode("ELOOP")(cause) ? "it is a symbolic link" : describeSystemError(cause);
}

async function openRegular(path: string, flags: number, mode?: number): Promise<FileHandle> {
  const handle = await open(path, flags | THE_FILE_ITSELF, mode);
  try {
    if ((await handle.stat()).isFile()) return handle;
    throw new NotRegular("it is not a regular file");
  } catch (error) {
    await closeQuietly(handle);
    throw error;
  }
}

/** @param flag by which the path was given @param used the files that ttsctl uses already @throws TtsctlError USAGE */
export async function refuseUsed(flag: string, path: string, used: readonly string[]): Promise<void> {
  if (!(await isOneOf(path, used)) && !(await isKeptBeside(path, used))) return;
  throw usage(`${flag} names ${path}, which ttsctl already uses`, "choose another file");
}

/** The names of temporary files, locks and lists that ttsctl keeps beside a store file, after the file's own. */
const KEPT = /^(ttsctl|ttsctl-owed(\.tmp)?|spool|.*\.lock)$/;

async function isKeptBeside(path: string, files: readonly string[]): Promise<boolean> {
  const name = await realName(path);
  for (const file of files) {
    const beside = [join(await realName(dirname(file)), basename(file)), await realName(file)];
    const starts = beside.map((one) => join(dirname(one), `.${basename(one)}.`));
    if (starts.some((start) => name.startsWith(start) && KEPT.test(name.slice(start.length)))) return true;
  }
  return false;
}

/** Whether a path names one of these files, by any name, even before the file exists. */
export async function isOneOf(path: string, others: readonly string[]): Promise<boolean> {
  const identity = (of: string) => identityAt(of).catch(() => null);
  const [name, file] = await Promise.all([realName(path), identity(path)]);
  for (const other of others) {
    if ((await realName(other)) === name || sameFile(await identity(other), file)) return true;
  }
  return false;
}

/** The path with links followed, as far as it exists. */
async function realName(path: string): Promise<string> {
  const folder = dirname(path);
  return realpath(path).catch(async () => join(await realpath(folder).catch(() => folder), basename(path)));
}

/** How often another process may be between its creation and removal of the name. */
const MOST_TRIES = 20;

/**
 * A temporary file beside the store file, without a name, so it disappears with the process. All processes use one name
 * for a moment and remove any file that has it, such as that of a killed process: an open file needs no name.
 */
export async function openUnnamed(storePath: string): Promise<FileHandle> {
  const path = join(dirname(storePath), `.${basename(storePath)}.spool`);
  for (let tries = 1; ; tries++) {
    let handle: FileHandle | undefined;
    try {
      await rm(path, { force: true });
      handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
      await rm(path, { force: true });
      return handle;
    } catch (error) {
      await closeQuietly(handle);
      if (!hasCode("EEXIST")(error) || tries === MOST_TRIES) throw error;
    }
  }
}
