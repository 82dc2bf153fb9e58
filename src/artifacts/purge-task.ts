import { systemErrorCode } from "../errors.ts";
import { printableJson } from "../printable.ts";
import { Kept, reasonOf } from "./failure.ts";
import { type Folder, within } from "./folder.ts";
import { lookInto, type Removal, removeContents } from "./look.ts";
import { putBackHome } from "./recover.ts";

/** What became of the folder of a task. */
export type FolderOutcome =
  /** There is none. */
  | { kind: "absent" }
  | { kind: "removed"; files: number; bytes: number }
  /**
   * `newer`: something in it is newer than the pass, so it was put back and the task must be skipped whole. Otherwise
   * its artifacts are left and the reason is to be said: for good (an unsafe id, a link, a mount point), or until the
   * next pass tries again, because the disk refused or the folder was in motion (`retry`).
   */
  | { kind: "kept"; reason: string; newer: boolean; retry: boolean };

type KeptOutcome = FolderOutcome & { kind: "kept" };

interface Job {
  output: Folder;
  user: string;
  task: string;
  home: Folder;
  /** The folder in the purge area that the task's folder is moved to. */
  place: Folder;
  now: number;
}

const NOT_EMPTY = new Set(["ENOTEMPTY", "EEXIST"]);

/** Moves the task's folder to its place in the purge area; false when there is none. */
export async function moveAway({ home, place, task }: Job): Promise<boolean> {
  try {
    await home.moveFolder(task, place);
    return true;
  } catch (error) {
    const code = systemErrorCode(error) ?? "";
    // ENOENT may be about the place as well, and then it does not say that there are no artifacts.
    if (code === "ENOENT" && (await home.lstat(task)) === undefined) return false;
    const label = printableJson(home.labelOf(task));
    if (code === "ENOTDIR") throw new Kept(`${label} is a symbolic link or not a folder`);
    if (code === "EBUSY" || code === "EXDEV") throw new Kept(`${label} is a mount point or on another file system`);
    if (NOT_EMPTY.has(code))
      throw new Kept(`${printableJson(place.labelOf(task))} still holds an earlier part of it`, "busy");
    throw error;
  }
}

/** Looks at the folder where it was moved to, and removes it or puts it back. */
export async function removeOrPutBack(job: Job): Promise<FolderOutcome> {
  const removed: Removal = { files: 0, bytes: 0 };
  try {
    await removeMoved(job, removed);
    return { kind: "removed", ...removed };
  } catch (error) {
    const outcome = NOT_EMPTY.has(systemErrorCode(error) ?? "") ? somethingCame(job) : keptBecause(error);
    if (removed.files > 0 && !outcome.newer) return { ...outcome, reason: `${outcome.reason}; ${whatWaits(job)}` };
    return giveBack(job, outcome);
  }
}

/** The outcome for an error that must not stop a pass; a bug is thrown on. */
export function keptBecause(error: unknown): KeptOutcome {
  const why = error instanceof Kept ? error.why : "busy";
  return { kind: "kept", reason: reasonOf(error), newer: why === "newer", retry: why === "busy" };
}

function somethingCame({ home, task }: Job): KeptOutcome {
  const reason = `something was put into ${printableJson(home.labelOf(task))} meanwhile`;
  return { kind: "kept", reason, newer: true, retry: false };
}

async function removeMoved({ home, place, task, now }: Job, removed: Removal): Promise<void> {
  await within(place.openFolder(task, home.labelOf(task)), async (folder) =>
    removeContents(folder, await lookInto(folder, now), removed),
  );
  await place.removeFolder(task);
}

async function giveBack(job: Job, outcome: KeptOutcome): Promise<FolderOutcome> {
  try {
    await putBackHome(job.output, job.user, job.place, job.task);
    return outcome;
  } catch (error) {
    return { ...outcome, reason: `${outcome.reason}; ${reasonOf(error)}; ${whatWaits(job)}` };
  }
}

function whatWaits({ place, task }: Job): string {
  return `what is left of it waits in ${printableJson(place.labelOf(task))} and is put back by the next pass`;
}
