import { printableJson } from "../printable.ts";
import { reasonOf } from "./failure.ts";
import type { Folder, Name } from "./folder.ts";
import { isPurgeFolder, PURGE_FOLDER } from "./plain-name.ts";
import { openOrMake, removeIfEmpty } from "./purge-area.ts";
import { putBack } from "./put-back.ts";

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
  const home = (await output.openIfThere(user)) ?? (await makeHome(output, user, from, task));
  try {
    await putBack(from, task, home);
  } finally {
    home.close();
  }
}

async function makeHome(output: Folder, user: Name, from: Folder, task: Name): Promise<Folder> {
  const model = await from.openFolder(task);
  try {
    const home = await openOrMake(output, user, 0o777);
    home.resemble(model);
    return home;
  } finally {
    model.close();
  }
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
    const folder = await parent.openIfThere(name);
    if (folder === undefined) return;
    try {
      await work(folder);
    } finally {
      folder.close();
    }
  } catch (error) {
    recovery.left.push(reasonOf(error));
    return;
  }
  if (await removeIfEmpty(parent, name)) return;
  if (recovery.left.length === known) recovery.left.push(`${printableJson(parent.labelOf(name))} is not empty`);
}
