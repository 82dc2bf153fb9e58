import { constants } from "node:fs";
import { type FileHandle, open, readFile, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { closeQuietly, describeSystemError, systemErrorCode, TtsctlError } from "../../errors.ts";
import { formatBytes } from "../../task/amounts.ts";
import type { FileStore } from "./file-store.ts";
import { keepPermissions } from "./replace.ts";
import { openUnnamed } from "./written-file.ts";

/** Bytes to write for real, since only that detects a quota. */
const WRITTEN = 1 << 22;

/**
 * Checks that the store file can be rewritten, before anything is removed that its records name: makes a file in its
 * directory, gives it the permissions, and looks for room for a second copy.
 * @throws TtsctlError STORE_WRITE_FAILED
 */
export async function checkRewrite(file: FileStore): Promise<void> {
  const target = await file.target();
  if (await isMountPoint(target)) {
    throw refused(
      `cannot rewrite ${target}: it is a mount point, which no file can replace; mount its directory instead`,
    );
  }
  try {
    const probe = await openUnnamed(target);
    await tryCopy(probe, target).finally(() => closeQuietly(probe));
  } catch (cause) {
    if (cause instanceof TtsctlError) throw cause;
    throw refused(`cannot rewrite ${target}: ${describeSystemError(cause)}`, cause);
  }
}

/** Such as a single file that is mounted into a container. */
async function isMountPoint(path: string): Promise<boolean> {
  const mounts = await readFile("/proc/self/mountinfo", "utf8").catch(() => "");
  return mounts.split("\n").some((line) => decoded(line.split(" ")[4] ?? "") === path);
}

/** White space and backslashes in a path are written as octal numbers. */
function decoded(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

async function tryCopy(probe: FileHandle, target: string): Promise<void> {
  const old = await open(target, constants.O_RDONLY | constants.O_NONBLOCK).catch((error) => {
    if (systemErrorCode(error) === "ENOENT") return null;
    throw error;
  });
  if (old === null) return;
  try {
    await keepPermissions(probe, old.fd, target);
    const { size } = await old.stat();
    await checkRoom(target, size);
    await probe.truncate(size); // fails above a limit on file sizes
    await probe.write(Buffer.alloc(Math.min(size, WRITTEN)));
  } finally {
    await closeQuietly(old);
  }
}

async function checkRoom(target: string, size: number): Promise<void> {
  const { blocks, bavail, bfree, bsize } = await statfs(dirname(target));
  const free = (process.getuid?.() === 0 ? bfree : bavail) * bsize;
  if (blocks === 0 || free >= size) return; // some file systems do not count
  throw refused(
    `cannot rewrite ${target}: a second copy needs ${formatBytes(size)}, and ${formatBytes(free)} are free there`,
  );
}

function refused(message: string, cause?: unknown): TtsctlError {
  return new TtsctlError("STORE_WRITE_FAILED", message, {
    hint: "nothing was changed; free disk space, or run ttsctl as the user that the service runs as",
    cause,
  });
}
