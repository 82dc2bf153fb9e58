import { systemErrorCode } from "../errors.ts";
import type { Folder, Name } from "./folder.ts";
import { lookInto, removeContents, unlinkIfThere } from "./look.ts";

const TAKEN = new Set(["ENOTEMPTY", "EEXIST"]);
/** The file system has no hard links, or the kernel allows none to other users' files (fs.protected_hardlinks). */
const NO_LINKS = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "EMLINK", "ENOSYS"]);

/**
 * Moves a folder back to where it was. If it exists there again, what it lacks is moved into it; the rest is older than
 * what the service has written since, and dropped.
 */
export async function putBack(from: Folder, name: Name, to: Folder): Promise<void> {
  try {
    await from.moveFolder(name, to);
  } catch (error) {
    if (!TAKEN.has(systemErrorCode(error) ?? "")) throw error;
    await mergeFolder(from, name, to);
  }
}

async function mergeFolder(from: Folder, name: Name, to: Folder): Promise<void> {
  const source = await from.openFolder(name);
  try {
    const target = await to.openFolder(name);
    try {
      for (const child of await source.names()) await mergeChild(source, child, target);
    } finally {
      target.close();
    }
  } finally {
    source.close();
  }
  await from.removeFolder(name);
}

async function mergeChild(source: Folder, name: Buffer, target: Folder): Promise<void> {
  const ours = await source.lstat(name);
  if (ours === undefined) return;
  if (!ours.isDirectory()) return mergeFile(source, name, target);
  const theirs = await target.lstat(name);
  if (theirs === undefined || theirs.isDirectory()) return putBack(source, name, target);
  await dropFolder(source, name);
}

/** A hard link never replaces what the service may write at this very moment, as a rename would. */
async function mergeFile(source: Folder, name: Buffer, target: Folder): Promise<void> {
  try {
    await source.linkFile(name, target);
  } catch (error) {
    const code = systemErrorCode(error) ?? "";
    if (NO_LINKS.has(code) && (await target.lstat(name)) === undefined) return source.moveFile(name, target);
    if (code !== "EEXIST" && !NO_LINKS.has(code)) throw error;
  }
  await unlinkIfThere(source, name);
}

async function dropFolder(parent: Folder, name: Buffer): Promise<void> {
  const folder = await parent.openFolder(name);
  try {
    const contents = await lookInto(folder, Number.POSITIVE_INFINITY);
    await removeContents(folder, contents, { files: 0, bytes: 0 });
  } finally {
    folder.close();
  }
  await parent.removeFolder(name);
}
