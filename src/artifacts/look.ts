import type { BigIntStats } from "node:fs";
import { printableJson } from "../printable.ts";
import { type Folder, Kept, type Name, reasonOf, within } from "./folder.ts";

interface Contents {
  files: {
    readonly name: Name;
    readonly bytes: number;
    readonly room: number;
    /** For a file with hard links: identifies it. */
    readonly inode: bigint | undefined;
  }[];
  folders: { name: Name; contents: Contents }[];
  /** When anything in it last changed, epoch milliseconds. */
  changedMs: number;
}

/** How many files and links are removed, and the bytes of the regular files among them. */
export interface Removal {
  files: number;
  bytes: number;
  /** How many bytes of the disk they take, as far as it was looked at. */
  room?: number;
  /** Those of them with other names elsewhere, if it was asked for and there are any. */
  linked?: { inode: bigint; bytes: number }[];
}

/** The size of a folder that stays. */
export interface Measured extends Removal {
  /** Epoch seconds: what is newer than a pass would keep it. */
  changedAt: number;
}

/** Each level holds a descriptor. */
const MAX_DEPTH = 32;

/** Epoch seconds: a file that was written later (mtime) or, if it is given, put there or changed later (ctime) is kept. */
export interface NewestAllowed {
  readonly mtime: number;
  readonly ctime?: number;
}

export const ANY_AGE: NewestAllowed = { mtime: Number.POSITIVE_INFINITY };

/** The contents of the folder of that name; undefined if it is missing. @throws Kept as `contentsOf` */
export function lookIntoChild(parent: Folder, name: Name, newest: NewestAllowed, depth = 1): Contents | undefined {
  return within(parent.openOfSameMountIfThere(name), (folder) => contentsOf(folder, newest, depth));
}

/** The size of a folder; undefined if it can't be read. A bind mount is measured too: to detect one costs as much as all the rest. */
export function measure(parent: Folder, name: Name): Measured | undefined {
  try {
    return within(parent.openFolder(name), (folder) => {
      if (folder.dev !== parent.dev) return undefined;
      const contents = contentsOf(folder, ANY_AGE);
      return { ...total(contents), changedAt: contents.changedMs / 1e3 };
    });
  } catch (error) {
    reasonOf(error);
    return undefined;
  }
}

/**
 * Everything below a folder; a link counts as a file. Throws `Kept` for what must not be removed: something newer than is allowed (the
 * kernel's stamps lag up to 10 ms), a mount point, a nesting too deep to be the service's. The ctime of a folder that was moved aside is ours.
 */
function contentsOf(folder: Folder, newest: NewestAllowed, depth = 1): Contents {
  if (depth > MAX_DEPTH) throw new Kept(`${printableJson(folder.label)} is more than ${MAX_DEPTH} levels deep`);
  refuseIfNewer(folder.mtimeMs, newest.mtime, folder.label);
  const contents: Contents = { files: [], folders: [], changedMs: folder.mtimeMs };
  for (const name of folder.names()) {
    const stats = folder.lstat(name);
    if (stats?.isDirectory()) {
      const inner = lookIntoChild(folder, name, newest, depth + 1);
      if (inner === undefined) continue;
      contents.folders.push({ name, contents: inner });
      contents.changedMs = Math.max(contents.changedMs, inner.changedMs);
    } else if (stats !== undefined) {
      refuseIfNewer(stats.mtimeMs, newest.mtime, folder.labelOf(name));
      refuseIfNewer(stats.ctimeMs, newest.ctime ?? Number.POSITIVE_INFINITY, folder.labelOf(name));
      const inode = stats.nlink > 1 ? folder.exactStats(name)?.ino : undefined;
      const room = stats.nlink > 1 ? 0 : 512 * stats.blocks;
      contents.files.push({ name, bytes: stats.isFile() ? stats.size : 0, room, inode });
      contents.changedMs = Math.max(contents.changedMs, stats.mtimeMs, stats.ctimeMs);
    }
  }
  return contents;
}

/** In double precision, as `time` (epoch seconds) is. @throws Kept for what was changed after it */
export function refuseIfNewer(changedMs: number, time: number, label: string): void {
  if (changedMs / 1e3 > time) throw new Kept(`${printableJson(label)} is newer than this pass`, "newer");
}

/** Whether both are there, and are one. If that can't be read, they are. */
export function areOne(look: () => readonly (BigIntStats | undefined)[]): boolean {
  try {
    const [one, other] = look();
    return one !== undefined && one.ino === other?.ino && one.dev === other.dev;
  } catch (error) {
    reasonOf(error);
    return true;
  }
}

export function total({ files, folders }: Contents, sum: Removal = { files: 0, bytes: 0 }): Removal {
  for (const { inode, bytes, room } of files) {
    sum.files += 1;
    sum.bytes += bytes;
    sum.room = (sum.room ?? 0) + room;
    if (inode === undefined) continue;
    sum.linked ??= [];
    sum.linked.push({ inode, bytes });
  }
  for (const { contents } of folders) total(contents, sum);
  return sum;
}

/** The files, each with the names on the way to it. */
export function* filesIn({ files, folders }: Contents, to: readonly Name[]): Generator<{ way: Name[]; bytes: number }> {
  for (const { name, bytes } of files) yield { way: [...to, name], bytes };
  for (const { name, contents } of folders) yield* filesIn(contents, [...to, name]);
}

/** Removes a folder with its contents. @param label of the folder, if not by its place */
export function removeFolder(parent: Folder, name: Name, newest: NewestAllowed, removed: Removal, label?: string) {
  within(parent.openFolder(name, label), (folder) => removeContents(folder, contentsOf(folder, newest), removed));
  parent.removeFolder(name);
}

/** Removes exactly the listed contents, so folders of anything new are kept (ENOTEMPTY). `removed` is right after a failure, too. */
function removeContents(folder: Folder, contents: Contents, removed: Removal): void {
  for (const { name, bytes, room } of contents.files) {
    if (!folder.unlink(name)) continue;
    removed.files += 1;
    removed.bytes += bytes;
    removed.room = (removed.room ?? 0) + room;
  }
  for (const { name, contents: inner } of contents.folders) {
    within(folder.openFolder(name), (child) => removeContents(child, inner, removed));
    folder.removeFolder(name);
  }
}
