import { randomBytes } from "node:crypto";
import { systemErrorCode } from "../errors.ts";
import { printableJson } from "../printable.ts";
import { type Folder, Kept, type Name, reasonOf, within } from "./folder.ts";
import { FolderCache } from "./folder-cache.ts";
import { type Removal, removeFolder, unlinkIfThere } from "./look.ts";
import { isPurgeFolder, PURGE_FOLDER } from "./plain-name.ts";
import type { OwnChanges } from "./sweep.ts";

/** The outcome for the folder of a task. */
export type FolderOutcome =
  /** The folder is missing. */
  | { kind: "absent" }
  | ({ kind: "removed" } & Removal)
  /**
   * `newer`: something in it is newer than the pass, so it was put back and the task must be skipped whole. Otherwise
   * its artifacts are left and the reason is to be said: for good (an unsafe id, a link, a mount point), or until the
   * next pass tries again, because the disk refused or the folder was in motion (`retry`).
   */
  | { kind: "kept"; reason: string; newer: boolean; retry: boolean };

type KeptOutcome = FolderOutcome & { kind: "kept" };

/** The file system has the name already, or the folder is not empty. */
const TAKEN = new Set(["ENOTEMPTY", "EEXIST"]);
/** The file system has no hard links, or the kernel allows none to other users' files (fs.protected_hardlinks). */
const NO_LINKS = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "EMLINK", "ENOSYS"]);

/**
 * `output/.ttsctl-purge/{pid}-{random}/{user}/{task}`: the task folders of one pass are moved here to be inspected and
 * removed. The path of a killed pass's leftovers shows their origin.
 */
export class PurgeArea {
  readonly #output: Folder;
  readonly #name = `${process.pid}-${randomBytes(6).toString("hex")}`;
  #container: Promise<Folder> | undefined;
  readonly #places = new FolderCache(
    (user) => this.#openPlace(user),
    async () => true, // only this pass moves them
  );

  constructor(output: Folder) {
    this.#output = output;
  }

  /**
   * Removes the folder of a task from that of its user, unless something in it was changed after `now` (epoch seconds);
   * undefined if it is missing. @param changes notes the folder of the user
   */
  purge(
    home: Folder,
    { userId, taskId }: { userId: string; taskId: string },
    now: number,
    changes: OwnChanges,
  ): Promise<FolderOutcome | undefined> {
    return this.#places.use(userId, async (place) => {
      if (!(await changes.during(userId, home, () => moveAway(home, taskId, place)))) return undefined;
      const [removed, label] = [{ files: 0, bytes: 0 }, home.labelOf(taskId)];
      try {
        await removeFolder(place, taskId, { now, removed, label });
        return { kind: "removed", ...removed };
      } catch (error) {
        const came = `${printableJson(label)} was written to during the run`;
        const outcome = keptBecause(TAKEN.has(systemErrorCode(error) ?? "") ? new Kept(came, "newer") : error);
        const waits = `the rest is in ${printableJson(place.labelOf(taskId))}; the next pass puts it back`;
        if (removed.files > 0 && !outcome.newer) return { ...outcome, reason: `${outcome.reason}; ${waits}` };
        try {
          await putBackHome(this.#output, userId, place, taskId);
          return outcome;
        } catch (error) {
          return { ...outcome, reason: `${outcome.reason}; ${reasonOf(error)}; ${waits}` };
        }
      }
    });
  }

  /** Puts back what passes that were killed left in the purge folder, and removes it when it is empty. */
  async recover(): Promise<Recovery> {
    const recovery: Recovery = { folders: 0, left: [] };
    await inEach(this.#output, [PURGE_FOLDER], recovery, async (area) =>
      inEach(area, await area.names(), recovery, async (container) =>
        inEach(container, await container.names(), recovery, async (place, user) => {
          if (isPurgeFolder(user.toString())) return;
          for (const task of await place.names()) {
            try {
              await putBackHome(this.#output, user, place, task);
              recovery.folders += 1;
            } catch (error) {
              recovery.left.push(reasonOf(error));
            }
          }
        }),
      ),
    );
    return recovery;
  }

  /** Opens the place for the folders of a user, and makes it first if need be. */
  async #openPlace(user: string): Promise<Folder> {
    this.#container ??= this.#openContainer();
    return openOrMake(await this.#container, user, 0o700);
  }

  /** Removes the container, and the area, if nothing is left in them. To be called when no purge is under way. */
  async dispose(): Promise<void> {
    this.#places.clear();
    const opening = this.#container;
    this.#container = undefined;
    const container = await opening?.catch(() => undefined);
    if (container === undefined) return;
    try {
      for (const user of await container.names()) await container.removeIfEmpty(user);
      await within(this.#output.openIfThere(PURGE_FOLDER), (area) => area.removeIfEmpty(this.#name));
      await this.#output.removeIfEmpty(PURGE_FOLDER);
    } catch (error) {
      reasonOf(error); // the next recovery finds what is left
    } finally {
      container.close();
    }
  }

  async #openContainer(): Promise<Folder> {
    try {
      const area = openOrMake(this.#output, PURGE_FOLDER, 0o700);
      return (await within(area, (area) => openOrMake(area, this.#name, 0o700)))!;
    } catch (error) {
      this.#container = undefined; // the next task tries again
      // Something else in its place concerns every task: their records are kept, because only they lead to the directories.
      throw error instanceof Kept ? new Kept(error.message, "busy") : error;
    }
  }
}

async function openOrMake(parent: Folder, name: Name, mode: number): Promise<Folder> {
  const there = await parent.openIfThere(name);
  if (there !== undefined) return there;
  try {
    await parent.makeFolder(name, mode);
  } catch (error) {
    if (systemErrorCode(error) !== "EEXIST") throw error;
  }
  return parent.openFolder(name);
}

/** Moves a task's folder to its place in the purge area; false if it is missing. */
async function moveAway(home: Folder, task: string, place: Folder): Promise<boolean> {
  try {
    await home.moveFolder(task, place);
    return true;
  } catch (error) {
    const code = systemErrorCode(error) ?? "";
    // ENOENT may also be about the place; then the artifacts may exist.
    if (code === "ENOENT" && (await home.lstat(task)) === undefined) return false;
    const label = printableJson(home.labelOf(task));
    if (code === "ENOTDIR") throw new Kept(`${label} is a symbolic link or not a directory`);
    if (code === "EBUSY" || code === "EXDEV") throw new Kept(`${label} is a mount point or on another file system`);
    if (TAKEN.has(code))
      throw new Kept(`${printableJson(place.labelOf(task))} still holds an earlier part of it`, "busy");
    throw error;
  }
}

/** The outcome for an error that must not stop a pass; a bug is thrown on. */
export function keptBecause(error: unknown): KeptOutcome {
  const why = error instanceof Kept ? error.why : "busy";
  return { kind: "kept", reason: reasonOf(error), newer: why === "newer", retry: why === "busy" };
}

export interface Recovery {
  /** Task folders that were put back. */
  folders: number;
  /** Why something is left in the purge directory, a line each. */
  left: string[];
}

/** Works in those of some folders that exist, and removes each that is empty afterwards. Errors are noted. */
async function inEach(
  parent: Folder,
  names: readonly Name[],
  recovery: Recovery,
  work: (folder: Folder, name: Name) => Promise<void>,
): Promise<void> {
  for (const name of names) {
    const known = recovery.left.length;
    try {
      const isThere = await within(parent.openIfThere(name), async (folder) => {
        await work(folder, name);
        return true;
      });
      if (!isThere || (await parent.removeIfEmpty(name))) continue;
      if (recovery.left.length === known) recovery.left.push(`${printableJson(parent.labelOf(name))} is not empty`);
    } catch (error) {
      recovery.left.push(reasonOf(error));
    }
  }
}

/** Puts the folder of a task back into that of its user, which is created if it is missing. */
async function putBackHome(output: Folder, user: Name, from: Folder, task: Name): Promise<void> {
  const makeHome = () =>
    within(from.openFolder(task), async (model) => {
      const home = await openOrMake(output, user, 0o777);
      home.resemble(model);
      return home;
    });
  const opening = async () => (await output.openIfThere(user)) ?? (await makeHome());
  await within(opening(), (home) => putBack(from, task, home));
}

/**
 * Moves a folder back to its place. If it exists there again, only missing entries are moved into it; the rest is older than
 * what the service has written since, and dropped.
 */
async function putBack(from: Folder, name: Name, to: Folder): Promise<void> {
  try {
    await from.moveFolder(name, to);
  } catch (error) {
    if (!TAKEN.has(systemErrorCode(error) ?? "")) throw error;
    await within(from.openFolder(name), (source) =>
      within(to.openFolder(name), async (target) => {
        for (const child of await source.names()) await mergeChild(source, child, target);
      }),
    );
    await from.removeFolder(name);
  }
}

async function mergeChild(source: Folder, name: Buffer, target: Folder): Promise<void> {
  const ours = await source.lstat(name);
  if (ours === undefined) return;
  if (!ours.isDirectory()) return mergeFile(source, name, target);
  const theirs = await target.lstat(name);
  if (theirs === undefined || theirs.isDirectory()) return putBack(source, name, target);
  await removeFolder(source, name, { now: Number.POSITIVE_INFINITY, removed: { files: 0, bytes: 0 } });
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
