import * as fs from "node:fs";
import { describeSystemError, systemErrorCode } from "../errors.ts";
import { printableJson } from "../printable.ts";
import { IS_ASCII } from "./plain-name.ts";

/** One component of a path. A name that was read from the disk is bytes unless it is ASCII: it need not be UTF-8. */
export type Name = string | Buffer;

const NOT_A_FOLDER = new Set(["ENOTDIR", "ELOOP"]);
const ENTRIES_AT_ONCE = 128;
const THE_FOLDER_ITSELF = fs.constants.O_RDONLY | fs.constants.O_DIRECTORY | fs.constants.O_NOFOLLOW;
/** A pipe must not keep us waiting for its other end. */
const THE_FILE_ITSELF = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;

/** A system error of an artifact operation; its message names the path, quoted, and can be shown. */
export class FolderError extends Error {
  override readonly name = "FolderError";
  readonly code: string;

  constructor(action: string, label: string, cause: NodeJS.ErrnoException) {
    super(`cannot ${action} ${printableJson(label)}: ${describeSystemError(cause)}`, { cause });
    this.code = String(cause.code);
  }
}

/** Why artifacts are kept: `unsafe` (a link, a mount point) for good, `newer` than the pass, or `busy`: the next pass may succeed. */
export class Kept extends Error {
  override readonly name = "Kept";

  constructor(
    reason: string,
    readonly why: "unsafe" | "newer" | "busy" = "unsafe",
  ) {
    super(reason);
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

function ifThere<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Every open folder has a path here that no rename and no link can redirect. */
export const DESCRIPTORS = "/proc/self/fd";

/**
 * A folder held open. Everything in it is reached through the descriptor (`/proc/self/fd/N/name`), so a component above that is swapped
 * for a link can't redirect it. All calls are synchronous: a turn of the thread pool costs more than an answer of a local disk.
 */
export class Folder {
  readonly dev: bigint;
  readonly #ino: bigint;
  /** When something was last added or removed, as it was opened; epoch milliseconds. */
  readonly mtimeMs: number;
  readonly #path: string;
  #mount: string | undefined;

  private constructor(
    private readonly fd: number,
    readonly label: string,
  ) {
    const { dev, ino, mtimeNs } = fs.fstatSync(fd, { bigint: true });
    this.dev = dev;
    this.#ino = ino;
    this.mtimeMs = Number(mtimeNs) / 1e6;
    this.#path = `${DESCRIPTORS}/${fd}`;
  }

  /** Opens `output/` or `Logs/` at its real path; only for these two is a symbolic link followed, once. */
  static openRoot(path: string, label: string): Folder {
    return new Folder(fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY), label);
  }

  /** Opens a folder in this one. @throws Kept for a symbolic link, or anything but a folder */
  openFolder(name: Name, label = this.labelOf(name)): Folder {
    try {
      return this.#run("open", name, () => new Folder(fs.openSync(this.#pathOf(name), THE_FOLDER_ITSELF), label));
    } catch (error) {
      if (!NOT_A_FOLDER.has(systemErrorCode(error) ?? "")) throw error;
      throw new Kept(`${printableJson(label)} is a symbolic link or not a directory`);
    }
  }

  /** False only if a path below is missing. Links on the way are followed, so nothing else is known of it. */
  mayHave(path: string): boolean {
    try {
      return fs.lstatSync(this.#pathOf(path), { throwIfNoEntry: false }) !== undefined;
    } catch {
      return true;
    }
  }

  /** The same, or undefined if it is missing. */
  openIfThere(name: Name): Folder | undefined {
    // Most tasks have no folder: an error costs many times what this call does.
    return this.lstat(name) === undefined ? undefined : ifThere(() => this.openFolder(name));
  }

  /** The same, but a mount point also throws `Kept`. */
  openOfSameMountIfThere(name: Name): Folder | undefined {
    const folder = this.openIfThere(name);
    try {
      // Bind mounts have the device of their origin; the kernel's mount number distinguishes them.
      const isHere = (one: Folder) => one.dev === this.dev && one.#mountId() === this.#mountId();
      if (folder === undefined || this.#run("stat", name, () => isHere(folder))) return folder;
      throw new Kept(`${printableJson(this.labelOf(name))} is a mount point`);
    } catch (error) {
      folder?.close();
      throw error;
    }
  }

  /** Whether a path below leads to the folder. */
  leadsTo(path: string, folder: Folder): boolean {
    const stats = this.exactStats(path);
    return stats?.ino === folder.#ino && stats.dev === folder.dev;
  }

  /** Opens a regular file for reading; undefined if it is missing. The caller closes the descriptor. Anything else throws `Kept`. */
  openFileIfThere(name: Name): number | undefined {
    let fd: number | undefined;
    try {
      fd = ifThere(() => this.#run("open", name, () => fs.openSync(this.#pathOf(name), THE_FILE_ITSELF)));
      if (fd === undefined || fs.fstatSync(fd).isFile()) return fd;
    } catch (error) {
      if (systemErrorCode(error) !== "ELOOP") throw error;
    }
    if (fd !== undefined) fs.closeSync(fd);
    throw new Kept(`${printableJson(this.labelOf(name))} is a symbolic link or not a file`);
  }

  labelOf(name: Name): string {
    return `${this.label}/${name.toString()}`;
  }

  names(): Name[] {
    return this.#run("read", undefined, () => fs.readdirSync(this.#path, "latin1").map(nameOf));
  }

  /** The same one by one, however many there are, with whether each is a folder (a link to one is not). */
  *entries(): Generator<{ name: Name; isFolder: boolean }> {
    const options = { encoding: "latin1", bufferSize: ENTRIES_AT_ONCE } as const;
    const folder = this.#run("read", undefined, () => fs.opendirSync(this.#path, options));
    try {
      for (;;) {
        const entry = this.#run("read", undefined, () => folder.readSync());
        if (entry === null) return;
        yield { name: nameOf(entry.name), isFolder: entry.isDirectory() };
      }
    } finally {
      folder.closeSync();
    }
  }

  /** The stats of a name, without following a link; undefined if it is missing. */
  lstat(name: Name): fs.Stats | undefined {
    return this.#run("stat", name, () => fs.lstatSync(this.#pathOf(name), { throwIfNoEntry: false }));
  }

  /** The same to the nanosecond, and with the whole of the inode's number. They cost more. */
  exactStats(name: Name): fs.BigIntStats | undefined {
    return this.#run("stat", name, () => fs.lstatSync(this.#pathOf(name), { bigint: true, throwIfNoEntry: false }));
  }

  /** When something was last added to or removed from this folder, epoch nanoseconds. */
  changedAt(): bigint {
    return this.#run("stat", undefined, () => fs.fstatSync(this.fd, { bigint: true }).mtimeNs);
  }

  /** Returns whether it was there. */
  unlink(name: Name): boolean {
    const unlink = () => {
      fs.unlinkSync(this.#pathOf(name));
      return true;
    };
    return ifThere(() => this.#run("remove", name, unlink)) ?? false;
  }

  /** Removes an empty folder, and nothing else: atomic, so it cannot take a file with it. */
  removeFolder(name: Name): void {
    this.#run("remove", name, () => fs.rmdirSync(this.#pathOf(name)));
  }

  /** Whether it was removed; false if it isn't empty, is missing or must not be touched. */
  removeIfEmpty(name: Name): boolean {
    try {
      this.removeFolder(name);
      return true;
    } catch (error) {
      reasonOf(error);
      return false;
    }
  }

  makeFolder(name: Name, mode: number): void {
    this.#run("make", name, () => fs.mkdirSync(this.#pathOf(name), { mode }));
  }

  /** Moves a folder, also over an empty one. Because of the slash at the end, the kernel doesn't move a link or a file (ENOTDIR). */
  moveFolder(name: Name, to: Folder): void {
    this.#run("move", name, () => fs.renameSync(join(this.#pathOf(name), ""), to.#pathOf(name)));
  }

  /** Moves a file into another folder, over what may be there. */
  moveFile(name: Name, to: Folder): void {
    this.#run("move", name, () => fs.renameSync(this.#pathOf(name), to.#pathOf(name)));
  }

  /** Gives a file (or a symbolic link as such) a second name in another folder; EEXIST when the name is taken. */
  linkFile(name: Name, to: Folder): void {
    this.#run("move", name, () => fs.linkSync(this.#pathOf(name), to.#pathOf(name)));
  }

  /** Gives this folder the owner and mode of another one, if we are root: the service must be able to write into it. */
  resemble(other: Folder): void {
    if (process.getuid?.() !== 0) return;
    const { uid, gid, mode } = fs.fstatSync(other.fd);
    fs.fchownSync(this.fd, uid, gid);
    fs.fchmodSync(this.fd, mode & 0o7777);
  }

  close(): void {
    fs.closeSync(this.fd);
  }

  #pathOf(name: Name): Name {
    return join(this.#path, name);
  }

  #mountId(): string | undefined {
    this.#mount ??= /^mnt_id:\s*(\d+)/m.exec(fs.readFileSync(`/proc/self/fdinfo/${this.fd}`, "latin1"))?.[1];
    return this.#mount;
  }

  #run<T>(action: string, name: Name | undefined, operation: () => T): T {
    try {
      return operation();
    } catch (error) {
      if (systemErrorCode(error) === undefined || error instanceof FolderError) throw error;
      const label = name === undefined ? this.label : this.labelOf(name);
      throw new FolderError(action, label, error as NodeJS.ErrnoException);
    }
  }
}

/** Works in a folder that is opened for it, and closes it; undefined if it is missing. */
export function within<R>(folder: Folder | undefined, work: (folder: Folder) => R): R | undefined {
  if (folder === undefined) return undefined;
  try {
    return work(folder);
  } finally {
    folder.close();
  }
}

/** How many folders are kept open: tasks of neighbours in a pass share them. */
const MOST_HELD = 64;

/** Folders below one, each kept open for as long as its path leads to it. */
export class HeldFolders {
  readonly #held = new Map<string, Folder>();

  constructor(
    readonly parent: Folder,
    private readonly open: (parent: Folder, path: string) => Folder | undefined,
  ) {}

  /** Valid until the next call; undefined if `open` finds none. */
  at(path: string): Folder | undefined {
    const held = this.#held.get(path);
    if (held !== undefined && this.parent.leadsTo(path, held)) return held;
    if (held !== undefined || this.#held.size >= MOST_HELD) this.close();
    const folder = this.open(this.parent, path);
    if (folder !== undefined) this.#held.set(path, folder);
    return folder;
  }

  close(): void {
    for (const folder of this.#held.values()) folder.close();
    this.#held.clear();
  }
}

/** Works in those of some folders that exist. `note` gets what the disk refuses, and mount points. */
export async function eachFolder(
  parent: Folder,
  names: Iterable<string>,
  note: (reason: string) => void,
  work: (folder: Folder, name: string) => Promise<void>,
): Promise<void> {
  for (const name of names) {
    let folder: Folder | undefined;
    try {
      folder = parent.openOfSameMountIfThere(name);
      if (folder !== undefined) await work(folder, name);
    } catch (error) {
      note(reasonOf(error));
    } finally {
      folder?.close();
    }
  }
}

/** @param latin1 which keeps every byte */
function nameOf(latin1: string): Name {
  return IS_ASCII.test(latin1) ? latin1 : Buffer.from(latin1, "latin1");
}

function join(path: Name, name: Name): Name {
  if (typeof path === "string" && typeof name === "string") return `${path}/${name}`;
  return Buffer.concat([Buffer.from(path as string), Buffer.from("/"), Buffer.from(name as string)]);
}
