import { randomBytes } from "node:crypto";
import { systemErrorCode } from "../errors.ts";
import { printableJson } from "../printable.ts";
import { type Folder, HeldFolders, Kept, type Name, reasonOf, within } from "./folder.ts";
import { ANY_AGE, type NewestAllowed, type Removal, removeFolder } from "./look.ts";
import { type FolderName, isPurgeFolder, PURGE_FOLDER } from "./plain-name.ts";
import type { OwnChanges } from "./sweep.ts";

export type FolderOutcome =
  | { kind: "absent" }
  | ({ kind: "removed" } & Removal)
  /**
   * `newer`: something in it is newer than the pass, so it was put back and the task must be skipped whole. Otherwise its artifacts are
   * left, for good (an unsafe id, a link, a mount point) or until the next pass (`retry`: the disk refused, or the folder was in motion).
   */
  | { kind: "kept"; reason: string; newer: boolean; retry: boolean; removed?: Removal };

/** The file system has the name already, or the folder is not empty. */
const TAKEN = new Set(["ENOTEMPTY", "EEXIST"]);
/** The file system has no hard links, or the kernel allows none to other users' files (fs.protected_hardlinks). */
const NO_LINKS = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "EMLINK", "ENOSYS"]);

/** `output/.ttsctl-purge/{pid}-{random}/{user}/{task}`: where the task folders of one pass are inspected and removed. */
export class PurgeArea {
  readonly #name = `${process.pid}-${randomBytes(6).toString("hex")}`;
  /** The container's folders, one for each user. */
  #places: HeldFolders | undefined;

  constructor(private readonly output: Folder) {}

  /** Removes the folder of a task unless something in it is newer; undefined if it is missing. @param changes notes the user's folder */
  purge(home: Folder, folder: FolderName, newest: NewestAllowed, changes: OwnChanges): FolderOutcome | undefined {
    const { userId, taskId } = folder;
    const place = this.#openPlaces().at(userId)!;
    if (!changes.during(userId, home, () => moveAway(home, taskId, place))) return undefined;
    const [removed, label] = [{ files: 0, bytes: 0 }, home.labelOf(taskId)];
    try {
      removeFolder(place, taskId, newest, removed, label);
      return { kind: "removed", ...removed };
    } catch (error) {
      const came = `${printableJson(label)} was written to during the run`;
      const outcome = keptBecause(TAKEN.has(systemErrorCode(error) ?? "") ? new Kept(came, "newer") : error);
      const waits = `the rest is in ${printableJson(place.labelOf(taskId))}; the next pass puts it back`;
      if (removed.files > 0 && !outcome.newer) return { ...outcome, removed, reason: `${outcome.reason}; ${waits}` };
      try {
        putBackHome(this.output, userId, place, taskId);
        return outcome;
      } catch (error) {
        return { ...outcome, reason: `${outcome.reason}; ${reasonOf(error)}; ${waits}` };
      }
    }
  }

  /** Puts back what passes that were killed left in the purge folder, and removes it when it is empty. */
  recover(): Recovery {
    const recovery: Recovery = { folders: 0, left: [] };
    inEach(this.output, [PURGE_FOLDER], recovery, (area) =>
      inEach(area, area.names(), recovery, (container) =>
        inEach(container, container.names(), recovery, (place, user) => {
          if (isPurgeFolder(user.toString())) return;
          for (const task of place.names()) {
            try {
              putBackHome(this.output, user, place, task);
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

  /** Removes the container, and the area, if nothing is left in them. */
  dispose(): void {
    const places = this.#places;
    this.#places = undefined;
    if (places === undefined) return;
    places.close();
    const container = places.parent;
    try {
      for (const user of container.names()) container.removeIfEmpty(user);
      within(this.output.openIfThere(PURGE_FOLDER), (area) => area.removeIfEmpty(this.#name));
      this.output.removeIfEmpty(PURGE_FOLDER);
    } catch (error) {
      reasonOf(error); // the next recovery finds what is left
    } finally {
      container.close();
    }
  }

  #openPlaces(): HeldFolders {
    try {
      const openIn = (area: Folder) => openOrMake(area, this.#name, 0o700);
      const openContainer = () => within(openOrMake(this.output, PURGE_FOLDER, 0o700), openIn)!;
      this.#places ??= new HeldFolders(openContainer(), (container, user) => openOrMake(container, user, 0o700));
      return this.#places;
    } catch (error) {
      // Something else in its place concerns every task: their records are kept, because only they lead to the directories.
      throw error instanceof Kept ? new Kept(error.message, "busy") : error;
    }
  }
}

function openOrMake(parent: Folder, name: Name, mode: number): Folder {
  const there = parent.openIfThere(name);
  if (there !== undefined) return there;
  try {
    parent.makeFolder(name, mode);
  } catch (error) {
    if (systemErrorCode(error) !== "EEXIST") throw error;
  }
  return parent.openFolder(name);
}

/** Moves a task's folder to its place in the purge area; false if it is missing. */
function moveAway(home: Folder, task: string, place: Folder): boolean {
  try {
    home.moveFolder(task, place);
    return true;
  } catch (error) {
    const code = systemErrorCode(error) ?? "";
    // ENOENT may also be about the place; then the artifacts may exist.
    if (code === "ENOENT" && home.lstat(task) === undefined) return false;
    const label = printableJson(home.labelOf(task));
    if (code === "ENOTDIR") throw new Kept(`${label} is a symbolic link or not a directory`);
    if (code === "EBUSY" || code === "EXDEV") throw new Kept(`${label} is a mount point or on another file system`);
    if (TAKEN.has(code))
      throw new Kept(`${printableJson(place.labelOf(task))} still holds an earlier part of it`, "busy");
    throw error;
  }
}

/** The outcome for an error that must not stop a pass; a bug is thrown on. */
export function keptBecause(error: unknown): FolderOutcome & { kind: "kept" } {
  const why = error instanceof Kept ? error.why : "busy";
  return { kind: "kept", reason: reasonOf(error), newer: why === "newer", retry: why === "busy" };
}

export interface Recovery {
  folders: number;
  /** Why something is left in the purge directory, a line each. */
  left: string[];
}

/** Works in those of some folders that exist, and removes each that is empty afterwards. Errors are noted. */
function inEach(
  parent: Folder,
  names: readonly Name[],
  recovery: Recovery,
  work: (folder: Folder, name: Name) => void,
): void {
  for (const name of names) {
    const known = recovery.left.length;
    try {
      const found = parent.openIfThere(name);
      within(found, (folder) => work(folder, name));
      if (found === undefined || parent.removeIfEmpty(name)) continue;
      if (recovery.left.length === known) recovery.left.push(`${printableJson(parent.labelOf(name))} is not empty`);
    } catch (error) {
      recovery.left.push(reasonOf(error));
    }
  }
}

/** Puts the folder of a task back into that of its user, which is created if it is missing. */
function putBackHome(output: Folder, user: Name, from: Folder, task: Name): void {
  const makeHome = () =>
    within(from.openFolder(task), (model) => {
      const home = openOrMake(output, user, 0o777);
      home.resemble(model);
      return home;
    });
  within(output.openIfThere(user) ?? makeHome(), (home) => putBack(from, task, home));
}

/** Moves a folder back. If it exists there again, missing entries are moved into it; the rest is older than the service's, and dropped. */
function putBack(from: Folder, name: Name, to: Folder): void {
  try {
    from.moveFolder(name, to);
  } catch (error) {
    if (!TAKEN.has(systemErrorCode(error) ?? "")) throw error;
    within(from.openFolder(name), (source) =>
      within(to.openFolder(name), (target) => {
        for (const child of source.names()) mergeChild(source, child, target);
      }),
    );
    from.removeFolder(name);
  }
}

function mergeChild(source: Folder, name: Name, target: Folder): void {
  const [ours, theirs] = [source.lstat(name), target.lstat(name)];
  if (ours === undefined) return;
  if (!ours.isDirectory()) mergeFile(source, name, target);
  else if (theirs === undefined || theirs.isDirectory()) putBack(source, name, target);
  else removeFolder(source, name, ANY_AGE, { files: 0, bytes: 0 });
}

/** A hard link never replaces what the service may write at this very moment, as a rename would. */
function mergeFile(source: Folder, name: Name, target: Folder): void {
  try {
    source.linkFile(name, target);
  } catch (error) {
    const code = systemErrorCode(error) ?? "";
    if (code !== "EEXIST" && !NO_LINKS.has(code)) throw error;
    if (code !== "EEXIST" && target.lstat(name) === undefined) source.moveFile(name, target);
  }
  source.unlink(name);
}
