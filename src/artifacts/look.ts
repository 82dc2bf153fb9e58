import type { BigIntStats } from "node:fs";
import { pool } from "../pool.ts";
import { printableJson } from "../printable.ts";
import { type Folder, ifThere, Kept, type Name, within } from "./folder.ts";

/** The contents of a folder when it was read. */
export interface Contents {
  files: {
    readonly name: Buffer;
    readonly bytes: number;
    /** For a file with hard links: identifies it. */
    readonly inode: bigint | undefined;
  }[];
  folders: { name: Buffer; contents: Contents }[];
}

/** How many files and links are removed, and the bytes of the regular files among them. */
export interface Removal {
  files: number;
  bytes: number;
  /** Those of them with other names elsewhere, if it was asked for and there are any. */
  linked?: { inode: bigint; bytes: number }[];
}

/** Each level holds a descriptor. */
const MAX_DEPTH = 32;
const AT_ONCE = 8;

/**
 * Everything below a folder; a symbolic link counts as a file. Throws `Kept` for what must not be removed: something
 * changed after `now` (epoch seconds), a mount point, a nesting too deep to be the service's.
 *
 * The kernel stamps files with a clock that lags up to 10 ms: what was written that close after `now` may look older.
 */
export async function lookInto(folder: Folder, now: number, depth = 1): Promise<Contents> {
  if (depth > MAX_DEPTH) throw new Kept(`${printableJson(folder.label)} is more than ${MAX_DEPTH} levels deep`);
  refuseIfNewer(folder.changedAt(), now, folder.label);
  const contents: Contents = { files: [], folders: [] };
  const inner: Buffer[] = [];
  await pool(await folder.names(), AT_ONCE, async (name) => {
    const stats = await folder.lstat(name);
    if (stats === undefined) return;
    if (stats.isDirectory()) {
      inner.push(name);
      return;
    }
    refuseIfNewer(stats.mtimeNs, now, folder.labelOf(name));
    contents.files.push({ name, bytes: bytesOf(stats), inode: stats.nlink > 1n ? stats.ino : undefined });
  });
  // One after the other, so no more descriptors are open than there are levels.
  for (const name of inner) {
    const child = await lookIntoChild(folder, name, now, depth + 1);
    if (child !== undefined) contents.folders.push({ name, contents: child });
  }
  return contents;
}

/** The contents of the folder of that name; undefined if it is missing. */
export async function lookIntoChild(parent: Folder, name: Name, now: number, depth = 1): Promise<Contents | undefined> {
  return within(parent.openOfSameMountIfThere(name), (folder) => lookInto(folder, now, depth));
}

/**
 * Compares in double precision (a quarter of a microsecond today), which is what `now` has.
 * @throws Kept for what was changed after `now`
 */
export function refuseIfNewer(mtimeNs: bigint, now: number, label: string): void {
  if (Number(mtimeNs) / 1e9 > now) throw new Kept(`${printableJson(label)} is newer than this pass`, "newer");
}

/** Only regular files have bytes of their own. */
export function bytesOf(stats: BigIntStats): number {
  return stats.isFile() ? Number(stats.size) : 0;
}

export function total(contents: Contents): Removal {
  const sum: Removal = { files: 0, bytes: 0 };
  for (const { inode, bytes } of filesIn(contents)) {
    sum.files++;
    sum.bytes += bytes;
    if (inode === undefined) continue;
    sum.linked ??= [];
    sum.linked.push({ inode, bytes });
  }
  return sum;
}

/** The files, each with the names of the folders on the way to it. */
export function* filesIn(
  { files, folders }: Contents,
  way: readonly Buffer[] = [],
): Generator<Contents["files"][number] & { readonly folders: readonly Buffer[] }> {
  for (const file of files) yield { ...file, folders: way };
  for (const { name, contents } of folders) yield* filesIn(contents, [...way, name]);
}

/** Removes a folder with what `lookInto` finds in it. @param label of the folder, if not by its place */
export async function removeFolder(
  parent: Folder,
  name: Name,
  { now, removed, label }: { now: number; removed: Removal; label?: string },
): Promise<void> {
  await within(parent.openFolder(name, label), async (folder) =>
    removeContents(folder, await lookInto(folder, now), removed),
  );
  await parent.removeFolder(name);
}

/**
 * Removes exactly the listed contents: the folders of anything new are then kept (ENOTEMPTY). Adds to `removed` at each
 * step, so the sum is right after a failure, too.
 */
async function removeContents(folder: Folder, contents: Contents, removed: Removal): Promise<void> {
  await pool(contents.files, AT_ONCE, async ({ name, bytes }) => {
    if (await unlinkIfThere(folder, name)) {
      removed.files += 1;
      removed.bytes += bytes;
    }
  });
  for (const { name, contents: inner } of contents.folders) {
    await within(folder.openFolder(name), (child) => removeContents(child, inner, removed));
    await folder.removeFolder(name);
  }
}

/** Whether it was there. */
export async function unlinkIfThere(folder: Folder, name: Name): Promise<boolean> {
  return (await ifThere(folder.unlink(name).then(() => true))) ?? false;
}
