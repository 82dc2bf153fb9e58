import { systemErrorCode } from "../errors.ts";
import { printableJson } from "../printable.ts";
import { reasonOf } from "./failure.ts";
import { type Folder, type Name, within } from "./folder.ts";
import { lookInto, removeContents, unlinkIfThere } from "./look.ts";
import { isPurgeFolder, PURGE_FOLDER } from "./plain-name.ts";
import { openOrMake, removeIfEmpty } from "./purge-area.ts";

export interface Recovery {
  /** Task folders that were put back. */
  folders: number;
  /** Why something stays in the purge folder, a line each. */
  left: string[];
}

/** Puts back what passes that were killed left in the purge folder, and removes it when it is empty. */
export async function recoverPurged(output: Folder): Promise<Recovery> {
  const recovery: Recovery = { folders: 0, left: [] };
  await inside(output, PURGE_FOLDER, recovery, async (area) => {
    for (const container of await area.names()) await recoverContainer(output, area, container, recovery);
  });
  return recovery;
}

function recoverContainer(output: Folder, area: Folder, name: Buffer, recovery: Recovery): Promise<void> {
  return inside(area, name, recovery, async (container) => {
    for (const user of await container.names()) {
      await inside(container, user, recovery, (place) => recoverUser(output, user, place, recovery));
    }
  });
}

async function recoverUser(output: Folder, user: Buffer, place: Folder, recovery: Recovery): Promise<void> {
  if (isPurgeFolder(user.toString())) return;
  for (const task of await place.names()) {
    try {
      await putBackHome(output, user, place, task);
      recovery.folders += 1;
    } catch (error) {
      recovery.left.push(reasonOf(error));
    }
  }
}

/** Puts the folder of a task back into that of its user, which is made anew if it is gone. */
export async function putBackHome(output: Folder, user: Name, from: Folder, task: Name): Promise<void> {
  const opening = async () => (await output.openIfThere(user)) ?? (await makeHome(output, user, from, task));
  await within(opening(), (home) => putBack(from, task, home));
}

function makeHome(output: Folder, user: Name, from: Folder, task: Name): Promise<Folder | undefined> {
  return within(from.openFolder(task), async (model) => {
    const home = await openOrMake(output, user, 0o777);
    home.resemble(model);
    return home;
  });
}

/** Works in a folder, if it is there, and removes it if it is empty afterwards; what goes wrong is noted. */
async function inside(
  parent: Folder,
  name: Name,
  recovery: Recovery,
  work: (folder: Folder) => Promise<void>,
): Promise<void> {
  const known = recovery.left.length;
  try {
    const isThere = await within(parent.openIfThere(name), async (folder) => {
      await work(folder);
      return true;
    });
    if (!isThere) return;
  } catch (error) {
    recovery.left.push(reasonOf(error));
    return;
  }
  if (await removeIfEmpty(parent, name)) return;
  if (recovery.left.length === known) recovery.left.push(`${printableJson(parent.labelOf(name))} is not empty`);
}

const TAKEN = new Set(["ENOTEMPTY", "EEXIST"]);
/** The file system has no hard links, or the kernel allows none to other users' files (fs.protected_hardlinks). */
const NO_LINKS = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "EMLINK", "ENOSYS"]);

/**
 * Moves a folder back to where it was. If it exists there again, what it lacks is moved into it; the rest is older than
 * what the service has written since, and dropped.
 */
async function putBack(from: Folder, name: Name, to: Folder): Promise<void> {
  try {
    await from.moveFolder(name, to);
  } catch (error) {
    if (!TAKEN.has(systemErrorCode(error) ?? "")) throw error;
    await mergeFolder(from, name, to);
  }
}

async function mergeFolder(from: Folder, name: Name, to: Folder): Promise<void> {
  await within(from.openFolder(name), (source) =>
    within(to.openFolder(name), async (target) => {
      for (const child of await source.names()) await mergeChild(source, child, target);
    }),
  );
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
  await within(parent.openFolder(name), async (folder) => {
    const contents = await lookInto(folder, Number.POSITIVE_INFINITY);
    await removeContents(folder, contents, { files: 0, bytes: 0 });
  });
  await parent.removeFolder(name);
}
