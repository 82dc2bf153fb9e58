import { randomBytes } from "node:crypto";
import { systemErrorCode } from "../errors.ts";
import { FolderError, Kept, reasonOf } from "./failure.ts";
import { type Folder, type Name, within } from "./folder.ts";
import { PURGE_FOLDER } from "./plain-name.ts";

/**
 * `output/.ttsctl-purge/{pid}-{random}/{user}/{task}`: where the task folders of one pass are moved to be looked at and
 * removed. What a killed pass leaves there says itself where it came from.
 */
export class PurgeArea {
  readonly #output: Folder;
  readonly #name = `${process.pid}-${randomBytes(6).toString("hex")}`;
  #container: Promise<Folder> | undefined;

  constructor(output: Folder) {
    this.#output = output;
  }

  /** Opens the place for the folders of a user, and makes it first if need be. */
  async openPlace(user: string): Promise<Folder> {
    this.#container ??= this.#openContainer();
    return openOrMake(await this.#container, user, 0o700);
  }

  /** Removes the container, and the area, if nothing is left in them. To be called when no purge is under way. */
  async dispose(): Promise<void> {
    const opening = this.#container;
    this.#container = undefined;
    const container = await opening?.catch(() => undefined);
    if (container === undefined) return;
    try {
      await this.#removeContainer(container);
    } catch (error) {
      reasonOf(error); // what stays is seen by the next recovery
    } finally {
      container.close();
    }
  }

  async #removeContainer(container: Folder): Promise<void> {
    for (const user of await container.names()) await removeIfEmpty(container, user);
    await within(this.#output.openIfThere(PURGE_FOLDER), (area) => removeIfEmpty(area, this.#name));
    await removeIfEmpty(this.#output, PURGE_FOLDER);
  }

  async #openContainer(): Promise<Folder> {
    try {
      const area = openOrMake(this.#output, PURGE_FOLDER, 0o700);
      return (await within(area, (area) => openOrMake(area, this.#name, 0o700)))!;
    } catch (error) {
      this.#container = undefined; // the next task tries again
      // Something else in its place concerns every task: their records stay, since nothing else leads to their folders.
      throw error instanceof Kept ? new Kept(error.message, "busy") : error;
    }
  }
}

export async function openOrMake(parent: Folder, name: Name, mode: number): Promise<Folder> {
  const there = await parent.openIfThere(name);
  if (there !== undefined) return there;
  try {
    await parent.makeFolder(name, mode);
  } catch (error) {
    if (systemErrorCode(error) !== "EEXIST") throw error;
  }
  return parent.openFolder(name);
}

/** Whether a folder was removed; one that holds something, is not there or must not be touched just stays. */
export async function removeIfEmpty(parent: Folder, name: Name): Promise<boolean> {
  try {
    await parent.removeFolder(name);
    return true;
  } catch (error) {
    if (error instanceof FolderError || error instanceof Kept) return false;
    throw error;
  }
}
