import type { FileStore } from "../store/file/file-store.ts";
import type { Context } from "./context.ts";

/**
 * Holds the run lock of the store until the run ends; a dry run takes none.
 * @throws TtsctlError LOCK_TIMEOUT, LOCK_UNAVAILABLE
 */
export async function holdRunLock(context: Context, file: FileStore, dryRun: boolean): Promise<void> {
  if (dryRun) return;
  const lock = await file.lock("run");
  context.onRelease(() => lock.release());
}
