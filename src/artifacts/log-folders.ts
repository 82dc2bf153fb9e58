import { pool } from "../pool.ts";
import { reasonOf } from "./failure.ts";
import { type Folder, within } from "./folder.ts";
import { FolderCache } from "./folder-cache.ts";
import { OwnChanges } from "./own-changes.ts";

const DATE = /^[0-9]{8}$/;
const HOUR = /^[0-9]{2}$/;
const AT_ONCE = 4;
const MAX_OPEN = 32;

/** `Logs/{8 digits}/{2 digits}/`. An hour is named `{date}/{hour}` here. */
export class LogFolders {
  readonly root: Folder;
  /** What this pass took out of hours, and the hours that it found empty. */
  readonly hourChanges = new OwnChanges();
  /** Dates that were found empty, with their mtime. */
  readonly dateChanges = new OwnChanges();
  readonly #open: FolderCache;

  constructor(root: Folder) {
    this.root = root;
    this.#open = new FolderCache(MAX_OPEN, {
      open: (key) => this.#openHour(key),
      // By where it lies, not by its path: a date that was moved away and linked to would show the same folder.
      isCurrent: (hour) => hour.isTwoBelow(root),
    });
  }

  /** Calls `visit` with every hour, or those of `fromDate` and later; links, mount points and what cannot be read are left out, and a reason returned for each. */
  async walk(visit: (hour: Folder, key: string) => Promise<void>, fromDate = ""): Promise<string[]> {
    const skipped: string[] = [];
    try {
      const dates = matching(await this.root.names(), DATE).filter((date) => date >= fromDate);
      await pool(dates, AT_ONCE, (date) =>
        inFolder(this.root, date, skipped, (folder) => this.#walkDate(folder, date, skipped, visit)),
      );
    } catch (error) {
      skipped.push(reasonOf(error));
    }
    return skipped;
  }

  /** The newest date; undefined where there is none, or none can be read. */
  async newestDate(): Promise<string | undefined> {
    try {
      return matching(await this.root.names(), DATE)
        .sort()
        .at(-1);
    } catch (error) {
      reasonOf(error); // anything but a failure of the disk is thrown on
      return undefined;
    }
  }

  /** Works in an hour; undefined when it is gone. */
  use<R>(key: string, work: (hour: Folder) => Promise<R>): Promise<R | undefined> {
    return this.#open.use(key, work);
  }

  /** Closes the hours that are held open. */
  closeHours(): void {
    this.#open.clear();
  }

  /** Ends what is remembered of a pass. */
  forget(): void {
    this.hourChanges.clear();
    this.dateChanges.clear();
  }

  async #walkDate(
    folder: Folder,
    date: string,
    skipped: string[],
    visit: (hour: Folder, key: string) => Promise<void>,
  ): Promise<void> {
    const changedAt = folder.changedAt();
    const names = await folder.names();
    if (names.length === 0) this.dateChanges.found(date, changedAt);
    await pool(matching(names, HOUR), AT_ONCE, (hour) =>
      inFolder(folder, hour, skipped, (opened) => visit(opened, `${date}/${hour}`)),
    );
  }

  async #openHour(key: string): Promise<Folder | undefined> {
    const [date, hour] = key.split("/") as [string, string];
    return within(this.root.openIfThere(date), (folder) => folder.openIfThere(hour));
  }
}

function matching(names: readonly Buffer[], pattern: RegExp): string[] {
  return names.map((name) => name.toString()).filter((name) => pattern.test(name));
}

async function inFolder(
  parent: Folder,
  name: string,
  skipped: string[],
  work: (folder: Folder) => Promise<void>,
): Promise<void> {
  try {
    await within(parent.openOfSameMountIfThere(name), work);
  } catch (error) {
    skipped.push(reasonOf(error));
  }
}
