import type { Stats } from "node:fs";
import { type FileHandle, link, lstat, open, readdir, realpath, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { closeQuietly, describeSystemError, systemErrorCode, TtsctlError, usage, writeAdvice } from "../../errors.ts";
import { inLargePieces } from "../../pool.ts";
import { refuseUsed, syncDirectory } from "../../store/file/written-file.ts";

/** Links to files that the process has open. */
const OPEN_FILES = /^\/(dev\/(std(in|out|err)$|fd\/)|proc\/)/;

/** A file that is written beside its place and then renamed, because half an export must not look like a backup. */
export class TargetFile {
  private constructor(
    readonly path: string,
    private readonly overwrite: boolean,
    private readonly temporary: string,
    private readonly handle: FileHandle,
  ) {}

  /** A link to a file is followed, once. @param used files that are never replaced @throws TtsctlError USAGE, EXPORT_FAILED */
  static async open(path: string, overwrite: boolean, used: readonly string[]): Promise<TargetFile> {
    await refuseUsed("--to", path, used);
    if (OPEN_FILES.test(path)) throw notRegular(path);
    return TargetFile.at(await realpath(path).catch(() => path), overwrite, 0o600);
  }

  /** A link is refused. @param owner whose file it becomes; null: this process's @throws TtsctlError EXPORT_FAILED */
  static async at(place: string, overwrite: boolean, mode: number, owner: Stats | null = null): Promise<TargetFile> {
    let file: TargetFile | undefined;
    try {
      await refuseExisting(place, overwrite);
      await removeDead(place);
      const temporary = join(dirname(place), `.${basename(place)}.${process.pid}.part`);
      await rm(temporary, { force: true });
      file = new TargetFile(place, overwrite, temporary, await open(temporary, "wx", mode));
      if (owner !== null) await file.handle.chown(owner.uid, owner.gid);
      await file.handle.chmod(mode); // whatever the umask is
      return file;
    } catch (cause) {
      await file?.close();
      throw failed(place, cause);
    }
  }

  /** @throws TtsctlError EXPORT_FAILED */
  async write(pieces: Iterable<string>): Promise<void> {
    try {
      for (const text of inLargePieces(pieces)) await this.handle.appendFile(text);
    } catch (cause) {
      throw failed(this.path, cause);
    }
  }

  /** Puts the file into its place, on the disk. @throws TtsctlError EXPORT_FAILED */
  async finish(): Promise<void> {
    try {
      await this.handle.sync();
      await refuseExisting(this.path, this.overwrite);
      if (this.overwrite) await rename(this.temporary, this.path);
      else await link(this.temporary, this.path); // unlike a rename, it fails if the file exists by now
      await syncDirectory(dirname(this.path));
    } catch (cause) {
      throw systemErrorCode(cause) === "EEXIST" ? exists(this.path) : failed(this.path, cause);
    }
  }

  /** Removes the file unless it was finished. */
  async close(): Promise<void> {
    await closeQuietly(this.handle);
    await rm(this.temporary, { force: true }).catch(() => {}); // the next export to this place removes it
  }
}

/** Removes the files that killed exports to this place left. */
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

async function refuseExisting(path: string, overwrite: boolean): Promise<void> {
  const there = await lstat(path).catch(() => null);
  if (there === null) return;
  if (!there.isFile()) throw notRegular(path);
  if (!overwrite) throw exists(path);
}

function notRegular(path: string): TtsctlError {
  return usage(`${path} is not a regular file`, "name another file; an export without --to goes to stdout");
}

function exists(path: string): TtsctlError {
  return usage(`${path} exists already`, "name another file, or use --force");
}

function failed(path: string, cause: unknown): TtsctlError {
  if (cause instanceof TtsctlError) return cause;
  const hint = `no partial file was left; ${writeAdvice(cause)}`;
  return new TtsctlError("EXPORT_FAILED", `cannot write ${path}: ${describeSystemError(cause)}`, { hint, cause });
}
