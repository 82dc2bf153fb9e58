import { lstat, rm, stat } from "node:fs/promises";
import { TtsctlError } from "../errors.ts";
import { openAppended, refuseUsed, whyNotWritten } from "../store/file/written-file.ts";
import type { Task } from "../task/task.ts";

/** Why a record isn't backed up: an import of the backup would delete the task. */
export const ENDS_ITSELF =
  'its "deleted" field would delete the task when the backup is imported; run without --backup to change it';

export type BackupFile = Awaited<ReturnType<typeof openBackup>>;

/** A JSON Lines file that gets every record before it is purged or marked. @param used files that can't be it @throws TtsctlError BACKUP_FAILED, USAGE */
export async function openBackup(path: string, used: readonly string[] = []) {
  await refuseUsed("--backup", path, used);
  const isNew = (await lstat(path).catch(() => null)) === null;
  const file = await openAppended(path, 0o600, (cause) => failed(path, cause));
  return {
    /** Returns when the records are on the disk. */
    async append(tasks: readonly Task[]): Promise<void> {
      if (tasks.length > 0) await file.append([tasks.map((task) => `${task.json}\n`).join("")]);
    },

    /** A run that was refused leaves no empty file. */
    async close(): Promise<void> {
      const made = isNew ? await stat(path).catch(() => null) : null;
      if (made?.size === 0) await rm(path, { force: true }).catch(() => {});
      await file.close();
    },
  };
}

function failed(path: string, cause: unknown): TtsctlError {
  const what = `cannot write the backup ${path}: ${whyNotWritten(cause)}`;
  const hint = "no task whose record is not in the backup was changed; name another file with --backup";
  return new TtsctlError("BACKUP_FAILED", what, { hint, cause });
}
