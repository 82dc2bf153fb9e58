import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { closeQuietly } from "../../errors.ts";

/** A new file, or a new name of one, is there after a power cut only if its folder is on the disk. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  await folder.sync().finally(() => closeQuietly(folder));
}
