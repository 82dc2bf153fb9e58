import type { FileHandle } from "node:fs/promises";
import type { Folder } from "./folder.ts";

/**
 * Opens a file that lies some folders below one that is held open; undefined where there is nothing of that name.
 * @param names of the folders on the way, then of the file
 * @throws Kept for a symbolic link, a mount point, or what is no file; FolderError
 */
export async function openBelow(folder: Folder, names: readonly string[]): Promise<FileHandle | undefined> {
  const [name = "", ...below] = names;
  if (below.length === 0) return folder.openFileIfThere(name);
  const inner = await folder.openOfSameMountIfThere(name);
  if (inner === undefined) return undefined;
  try {
    return await openBelow(inner, below);
  } finally {
    inner.close();
  }
}
