import { constants } from "node:fs";
import { type FileHandle, link, open, readdir, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { describeSystemError, systemErrorCode, TtsctlError } from "../../errors.ts";
import { syncFolder } from "../../store/file/sync-folder.ts";

/** How much is held before it is written. */
const HELD = 1 << 16;

/**
 * The file that an export goes into. It is written beside its place and put there whole, so that no half of an export
 * is ever taken for a backup.
 */
export class TargetFile {
  readonly path: string;
  readonly #overwrite: boolean;
  readonly #temporary: string;
  readonly #handle: FileHandle;

  private constructor(path: string, overwrite: boolean, temporary: string, handle: FileHandle) {
    this.path = path;
    this.#overwrite = overwrite;
    this.#temporary = temporary;
    this.#handle = handle;
  }

  /**
   * @param overwrite a file that is there may be replaced
   * @param notThese files that never are: the store file, the configuration, the audit ledger
   * @throws TtsctlError USAGE for one of these, EXPORT_FAILED
   */
  static async open(path: string, overwrite: boolean, notThese: readonly string[]): Promise<TargetFile> {
    for (const own of notThese) await refuseOwn(path, own);
    try {
      const place = await realpath(path).catch(() => path);
      await refuseExisting(place, overwrite);
      await removeDead(place);
      const temporary = join(dirname(place), `.${basename(place)}.${process.pid}.part`);
      await rm(temporary, { force: true });
      const handle = await open(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
      return new TargetFile(place, overwrite, temporary, handle);
    } catch (cause) {
      throw failed(path, cause);
    }
  }

  /** @throws TtsctlError EXPORT_FAILED */
  async write(pieces: Iterable<string>): Promise<void> {
    try {
      let held = "";
      for (const piece of pieces) {
        held += piece;
        if (held.length < HELD) continue;
        await this.#handle.appendFile(held);
        held = "";
      }
      await this.#handle.appendFile(held);
    } catch (cause) {
      throw failed(this.path, cause);
    }
  }

  /**
   * Puts what was written into its place, on the disk.
   * @throws TtsctlError EXPORT_FAILED
   */
  async finish(): Promise<void> {
    try {
      await this.#handle.sync();
      if (this.#overwrite) await rename(this.#temporary, this.path);
      else await link(this.#temporary, this.path); // unlike a rename, it fails where somebody made the file meanwhile
      await syncFolder(dirname(this.path));
    } catch (cause) {
      throw systemErrorCode(cause) === "EEXIST" ? exists(this.path) : failed(this.path, cause);
    }
  }

  /** Ends it, and unless it was finished nothing is left. */
  async close(): Promise<void> {
    await this.#handle.close();
    await rm(this.#temporary, { force: true });
  }
}

/** Removes what exports to this place left that were killed: the process in the name is no more. */
async function removeDead(place: string): Promise<void> {
  const [folder, start, end] = [dirname(place), `.${basename(place)}.`, ".part"];
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(start) || !name.endsWith(end)) continue;
    const pid = name.slice(start.length, -end.length);
    if (/^\d+$/.test(pid) && !isRunning(Number(pid))) await rm(join(folder, name), { force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemErrorCode(error) !== "ESRCH"; // EPERM: it runs, as another user
  }
}

async function refuseOwn(path: string, own: string): Promise<void> {
  const [a, b] = await Promise.all([stat(path).catch(() => null), stat(own).catch(() => null)]);
  if (path !== own && (a === null || b === null || a.dev !== b.dev || a.ino !== b.ino)) return;
  throw new TtsctlError("USAGE", `--to names ${own}, which is a file of its own`, { hint: "name another file" });
}

async function refuseExisting(path: string, overwrite: boolean): Promise<void> {
  const there = await stat(path).catch(() => null);
  if (there === null) return;
  if (!there.isFile()) {
    throw new TtsctlError("EXPORT_FAILED", `${path} is not a regular file`, { hint: "without --to it goes to stdout" });
  }
  if (!overwrite) throw exists(path);
}

function exists(path: string): TtsctlError {
  return new TtsctlError("EXPORT_FAILED", `${path} exists already`, { hint: "name another file, or say --force" });
}

function failed(path: string, cause: unknown): TtsctlError {
  if (cause instanceof TtsctlError) return cause;
  return new TtsctlError("EXPORT_FAILED", `cannot write ${path}: ${describeSystemError(cause)}`, {
    hint: "nothing was left there; check free disk space, and the folder's owner and mode",
    cause,
  });
}
