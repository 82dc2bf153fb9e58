import { constants } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { closeQuietly, systemErrorCode } from "../../errors.ts";

/** How often another process may be between making and unnaming a file of its own when we look. */
const MOST_TRIES = 20;

/**
 * A temporary file beside the store file, without a name: it is gone with the process. All processes use one name, and
 * each takes away whatever has it: nobody needs a name once the file is open, and what a process left that was killed
 * between the two calls goes with the next.
 */
export async function openUnnamed(storePath: string): Promise<FileHandle> {
  const path = join(dirname(storePath), `.${basename(storePath)}.spool`);
  for (let tries = 1; ; tries++) {
    await rm(path, { force: true });
    try {
      const handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
      return await unnamed(handle, path);
    } catch (error) {
      if (systemErrorCode(error) !== "EEXIST" || tries === MOST_TRIES) throw error;
    }
  }
}

async function unnamed(handle: FileHandle, path: string): Promise<FileHandle> {
  try {
    await rm(path, { force: true });
    return handle;
  } catch (error) {
    await closeQuietly(handle);
    throw error;
  }
}
