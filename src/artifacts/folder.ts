import {
  type BigIntStats,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  lstatSync,
  open as openCallback,
  openSync,
  readFileSync,
  statSync,
} from "node:fs";
import {
  type FileHandle,
  link,
  lstat,
  mkdir,
  opendir,
  open as openFile,
  readdir,
  rename,
  rmdir,
  unlink,
} from "node:fs/promises";
import { promisify } from "node:util";
import { closeQuietly, describeSystemError, systemErrorCode } from "../errors.ts";
import { printableJson } from "../printable.ts";

/** One component of a path. Names that were read from the disk are bytes: they need not be UTF-8. */
export type Name = string | Buffer;

const open = promisify(openCallback);
const NOT_A_FOLDER = new Set(["ENOTDIR", "ELOOP"]);
const ENTRIES_AT_ONCE = 128;
const THE_FOLDER_ITSELF = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** A pipe must not keep us waiting for its other end. */
const THE_FILE_ITSELF = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** A system error of an artifact operation; its message names the path, quoted, and can be shown. */
export class FolderError extends Error {
  override readonly name = "FolderError";
  readonly code: string;

  constructor(action: string, label: string, cause: NodeJS.ErrnoException) {
    super(`cannot ${action} ${printableJson(label)}: ${describeSystemError(cause)}`, { cause });
    this.code = String(cause.code);
  }
}

/**
 * Why artifacts are kept: `unsafe` for good (a link, a mount point), `newer` because something in them is newer than the
 * pass, `busy` because they changed during the purge, and the next pass may succeed.
 */
export class Kept extends Error {
  override readonly name = "Kept";
  readonly why: "unsafe" | "newer" | "busy";

  constructor(reason: string, why: "unsafe" | "newer" | "busy" = "unsafe") {
    super(reason);
    this.why = why;
  }
}

/** The reason to give for an error that must not stop a pass; anything but a failure of the disk is a bug and thrown on. */
export function reasonOf(error: unknown): string {
  if (error instanceof Kept || error instanceof FolderError) return error.message;
  throw error;
}

/** For a `catch`: what the disk refuses counts as not there; a bug is thrown on. */
export function ignoreRefusal(error: unknown): undefined {
  const isRefusal = error instanceof Kept || error instanceof FolderError || systemErrorCode(error) !== undefined;
  if (!isRefusal) throw error;
}

/** Undefined if it is missing. */
export async function ifThere<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * On Linux every open folder has a path that no rename and no link can redirect. This tries to open one, because a process
 * that changed its user may lack access to its own.
 */
export function hasDescriptorPaths(): boolean {
  if (process.platform !== "linux") return false;
  try {
    closeSync(openSync("/proc/self/fd", constants.O_RDONLY | constants.O_DIRECTORY));
    return true;
  } catch {
    return false;
  }
}

/**
 * A folder held open. Everything in it is reached through the descriptor (`/proc/self/fd/N/name`), so a component above
 * that is swapped for a symbolic link can't redirect it (docs/contract.md, Whose directory is it).
 *
 * Without such paths (macOS) the folder's own path is used, and before each operation it is checked with lstat that it
 * still is the folder that was opened. There a swap between the check and the operation is not caught.
 *
 * What looks up a path runs in the thread pool, as a disk may be slow. What is asked of a folder that is held open does
 * not (its descriptor, its place): the kernel mostly has that in memory, and a turn of the pool costs more than the answer.
 */
export class Folder {
  readonly label: string;
  readonly dev: bigint;
  readonly ino: bigint;
  readonly #fd: number;
  readonly #path: Name;
  readonly #byDescriptor: boolean;

  private constructor(fd: number, path: Name, label: string, byDescriptor: boolean) {
    const { dev, ino } = statsOf(fd, label);
    this.label = label;
    this.dev = dev;
    this.ino = ino;
    this.#fd = fd;
    this.#byDescriptor = byDescriptor;
    this.#path = byDescriptor ? `/proc/self/fd/${fd}` : path;
  }

  /** Opens `output/` or `Logs/` at its real path; only for these two is a symbolic link followed, once. */
  static async openRoot(path: string, label: string, byDescriptor: boolean): Promise<Folder> {
    return new Folder(await open(path, constants.O_RDONLY | constants.O_DIRECTORY), path, label, byDescriptor);
  }

  /** Opens a folder in this one. @throws Kept for a symbolic link, or anything but a folder */
  async openFolder(name: Name, label = this.labelOf(name)): Promise<Folder> {
    const path = this.#pathOf(name);
    try {
      const fd = await this.#run("open", name, () => open(path, THE_FOLDER_ITSELF));
      return new Folder(fd, path, label, this.#byDescriptor);
    } catch (error) {
      if (!NOT_A_FOLDER.has(systemErrorCode(error) ?? "")) throw error;
      throw new Kept(`${printableJson(label)} is a symbolic link or not a directory`);
    }
  }

  /** The same, or undefined if it is missing. */
  openIfThere(name: Name): Promise<Folder | undefined> {
    return ifThere(this.openFolder(name));
  }

  /** The same, but a mount point also throws `Kept`. */
  async openOfSameMountIfThere(name: Name): Promise<Folder | undefined> {
    const folder = await this.openIfThere(name);
    if (folder === undefined) return undefined;
    try {
      if (await this.#run("stat", name, async () => folder.#isSameMount(this))) return folder;
    } catch (error) {
      folder.close();
      throw error;
    }
    folder.close();
    throw new Kept(`${printableJson(folder.label)} is a mount point`);
  }

  /** Opens a regular file for reading; undefined if it is missing. Anything else throws `Kept`. */
  async openFileIfThere(name: Name): Promise<FileHandle | undefined> {
    let isFile = false;
    let file: FileHandle | undefined;
    try {
      file = await ifThere(this.#run("open", name, () => openFile(this.#pathOf(name), THE_FILE_ITSELF)));
      isFile = file === undefined || statsOf(file.fd, this.labelOf(name)).isFile();
    } catch (error) {
      if (systemErrorCode(error) !== "ELOOP") throw error;
    } finally {
      if (!isFile) await closeQuietly(file);
    }
    if (isFile) return file;
    throw new Kept(`${printableJson(this.labelOf(name))} is a symbolic link or not a file`);
  }

  labelOf(name: Name): string {
    return `${this.label}/${name.toString()}`;
  }

  async names(): Promise<Buffer[]> {
    return this.#run("read", undefined, () => readdir(this.#path, { encoding: "buffer" }));
  }

  /** The same one by one, however many there are, with whether each is a folder (a link to one is not). */
  async *entries(): AsyncGenerator<{ name: Buffer; isFolder: boolean }> {
    // latin1 keeps every byte of a name, which need not be UTF-8.
    const options = { encoding: "latin1", bufferSize: ENTRIES_AT_ONCE } as const;
    const folder = await this.#run("read", undefined, () => opendir(this.#path, options));
    try {
      for (;;) {
        const entry = await this.#run("read", undefined, () => folder.read());
        if (entry === null) return;
        yield { name: Buffer.from(entry.name, "latin1"), isFolder: entry.isDirectory() };
      }
    } finally {
      await closeQuietly(folder);
    }
  }

  /** The stats of a name, without following a link; undefined if it is missing. */
  lstat(name: Name): Promise<BigIntStats | undefined> {
    return ifThere(this.#run("stat", name, () => lstat(this.#pathOf(name), { bigint: true })));
  }

  /** When something was last added to or removed from this folder, epoch nanoseconds. */
  changedAt(): bigint {
    return statsOf(this.#fd, this.label).mtimeNs;
  }

  /** Whether `name` in `parent` still is this folder. */
  async isAt(parent: Folder, name: Name): Promise<boolean> {
    const look = async () => lstatSync(parent.#pathOf(name), { bigint: true, throwIfNoEntry: false });
    const there = await parent.#run("stat", name, look);
    return there !== undefined && there.ino === this.ino && there.dev === this.dev;
  }

  /** Whether this folder, wherever it was moved, is two levels below `ancestor`. */
  async isTwoBelow(ancestor: Folder): Promise<boolean> {
    const look = async () => statSync(join(this.#path, "../.."), { bigint: true });
    const above = await this.#run("stat", undefined, look);
    return above.ino === ancestor.ino && above.dev === ancestor.dev;
  }

  async unlink(name: Name): Promise<void> {
    await this.#run("remove", name, () => unlink(this.#pathOf(name)));
  }

  /** Removes an empty folder, and nothing else: atomic, so it cannot take a file with it. */
  async removeFolder(name: Name): Promise<void> {
    await this.#run("remove", name, () => rmdir(this.#pathOf(name)));
  }

  /** Whether it was removed; false if it isn't empty, is missing or must not be touched. */
  async removeIfEmpty(name: Name): Promise<boolean> {
    try {
      await this.removeFolder(name);
      return true;
    } catch (error) {
      reasonOf(error);
      return false;
    }
  }

  async makeFolder(name: Name, mode: number): Promise<void> {
    await this.#run("make", name, () => mkdir(this.#pathOf(name), { mode }));
  }

  /**
   * Moves a folder into another one under its name, where it may replace an empty folder. A symbolic link or a file is
   * not moved: ENOTDIR. On Linux the kernel itself sees to that, because of the slash at the end.
   */
  async moveFolder(name: Name, to: Folder): Promise<void> {
    if (this.#byDescriptor) {
      await this.#run("move", name, () => rename(join(this.#pathOf(name), ""), to.#pathOf(name)));
      return;
    }
    const there = await this.lstat(name);
    if (there !== undefined && !there.isDirectory())
      throw new Kept(`${printableJson(this.labelOf(name))} is not a directory`);
    await this.moveFile(name, to);
  }

  /** Moves a file into another folder, over what may be there. */
  async moveFile(name: Name, to: Folder): Promise<void> {
    await this.#run("move", name, () => rename(this.#pathOf(name), to.#pathOf(name)), to);
  }

  /** Gives a file (or a symbolic link as such) a second name in another folder; EEXIST when the name is taken. */
  async linkFile(name: Name, to: Folder): Promise<void> {
    await this.#run("move", name, () => link(this.#pathOf(name), to.#pathOf(name)), to);
  }

  /** Gives this folder the owner and mode of another one, if we are root: the service must be able to write into it. */
  resemble(other: Folder): void {
    if (process.getuid?.() !== 0) return;
    const { uid, gid, mode } = fstatSync(other.#fd);
    fchownSync(this.#fd, uid, gid);
    fchmodSync(this.#fd, mode & 0o7777);
  }

  close(): void {
    closeSync(this.#fd);
  }

  #pathOf(name: Name): Name {
    return join(this.#path, name);
  }

  /** Bind mounts have the device of their origin; the kernel's mount number distinguishes them. */
  #isSameMount(other: Folder): boolean {
    return this.dev === other.dev && mountId(this.#fd) === mountId(other.#fd);
  }

  async #run<T>(action: string, name: Name | undefined, operation: () => Promise<T>, to?: Folder): Promise<T> {
    try {
      if (!this.#byDescriptor) {
        if (to !== undefined) await to.#confirm();
        await this.#confirm();
      }
      return await operation();
    } catch (error) {
      if (systemErrorCode(error) === undefined || error instanceof FolderError) throw error;
      const label = name === undefined ? this.label : this.labelOf(name);
      throw new FolderError(action, label, error as NodeJS.ErrnoException);
    }
  }

  async #confirm(): Promise<void> {
    const there = await lstat(this.#path, { bigint: true });
    if (there.ino !== this.ino || there.dev !== this.dev)
      throw new Kept(`${printableJson(this.label)} was replaced during the run`, "busy");
  }
}

/** Works in a folder that is opened for it, and closes it; undefined if it is missing. */
export async function within<R>(
  opening: Promise<Folder | undefined> | undefined,
  work: (folder: Folder) => Promise<R>,
): Promise<R | undefined> {
  const folder = await opening;
  if (folder === undefined) return undefined;
  try {
    return await work(folder);
  } finally {
    folder.close();
  }
}

function join(path: Name, name: Name): Name {
  if (typeof path === "string" && typeof name === "string") return `${path}/${name}`;
  return Buffer.concat([Buffer.from(path as string), Buffer.from("/"), Buffer.from(name as string)]);
}

function statsOf(fd: number, label: string): BigIntStats {
  try {
    return fstatSync(fd, { bigint: true });
  } catch (cause) {
    throw new FolderError("stat", label, cause as NodeJS.ErrnoException);
  }
}

/** Undefined without `/proc`: the device number has to do there. */
function mountId(fd: number): string | undefined {
  try {
    return /^mnt_id:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1];
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
