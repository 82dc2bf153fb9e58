import { pool } from "../pool.ts";
import { printableJson } from "../printable.ts";
import { type Folder, Kept, reasonOf, within } from "./folder.ts";
import { FolderCache } from "./folder-cache.ts";
import { bytesOf, type Removal, refuseIfNewer, unlinkIfThere } from "./look.ts";
import { isPlainName, plainNameOf } from "./plain-name.ts";
import { OwnChanges, type SweepRules, sweepFolders } from "./sweep.ts";

const DATE = /^[0-9]{8}$/;
const HOUR = /^[0-9]{2}$/;
const AT_ONCE = 4;
/** A service that has found the directory of an hour leaves no trace in it before its log, so one that may be in use is kept. */
const REST_S = 86_400;
export const LOG_SUFFIX = ".log";

/** Which log: of a task, in `{date}/{hour}`. */
export interface LogPlace {
  readonly taskId: string;
  readonly hour: string;
}

export interface FoundLog extends LogPlace {
  readonly bytes: number;
  /** Epoch seconds. */
  readonly changedAt: number;
}

/** A log by its file name; `path` as in an Artifact. */
export interface NamedLog {
  readonly hour: string;
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
}

/** The outcome for the logs of a task. `kept` counts those that were newer than the pass, not regular files, or not removable. */
export interface LogOutcome extends Removal {
  kept: number;
  /** Why each was kept; the names in it are quoted. */
  reasons: string[];
  /** Whether one was kept because of a disk error or a concurrent change: the next pass may succeed. */
  retry: boolean;
}

/** The logs of tasks, after one walk over `Logs/` (docs/contract.md, Whose directory is it). */
export interface LogIndex {
  /** Why parts of `Logs/` were not looked at, a line each: their logs are not in the index. */
  readonly skipped: readonly string[];
  /** How many tasks have a log. */
  readonly size: number;
  /** The outcome of `remove`, without removing. */
  measure(taskId: string, now?: number): Promise<LogOutcome>;
  /** Removes the logs of a task as `LogFolders.remove`. */
  remove(taskId: string, now: number): Promise<LogOutcome>;
}

/** `Logs/{8 digits}/{2 digits}/`. An hour is named `{date}/{hour}` here. */
export class LogFolders {
  readonly #root: Folder | undefined;
  /** This pass's removals from hours, and the hours that it found empty. */
  readonly #hourChanges = new OwnChanges();
  /** Dates that were found empty, with their mtime. */
  readonly #dateChanges = new OwnChanges();

  readonly #open: FolderCache;

  /** @param root undefined: no logs */
  constructor(root: Folder | undefined) {
    this.#root = root;
    this.#open = new FolderCache(
      async (key) => {
        const [date, hour] = key.split("/") as [string, string];
        return root && within(root.openIfThere(date), (folder) => folder.openIfThere(hour));
      },
      // By its place below the root, not by its path: a date that was moved away and linked to would show the same folder.
      async (hour) => root !== undefined && hour.isTwoBelow(root),
    );
  }

  /**
   * Calls `visit` with every hour, or those of `fromDate` and later. Skips links, mount points and unreadable folders, and
   * returns a reason for each.
   */
  async walk(visit: (hour: Folder, key: string) => Promise<void>, fromDate = ""): Promise<string[]> {
    const skipped: string[] = [];
    const note = (error: unknown) => void skipped.push(reasonOf(error));
    const inEach = (parent: Folder, names: readonly string[], work: (folder: Folder, name: string) => Promise<void>) =>
      pool(names, AT_ONCE, (name) =>
        within(parent.openOfSameMountIfThere(name), (folder) => work(folder, name)).catch(note),
      );
    const inDates = async (root: Folder) => {
      const dates = matching(await root.names(), DATE).filter((date) => date >= fromDate);
      await inEach(root, dates, async (folder, date) => {
        const changedAt = folder.changedAt();
        const names = await folder.names();
        if (names.length === 0) this.#dateChanges.found(date, changedAt);
        await inEach(folder, matching(names, HOUR), (hour, name) => visit(hour, `${date}/${name}`));
      });
    };
    if (this.#root !== undefined) await inDates(this.#root).catch(note);
    return skipped;
  }

  /** Visits the logs of the tasks that are wanted; returns why parts of `Logs/` were not looked at. */
  walkLogs(wanted: (taskId: string) => boolean, visit: (log: FoundLog) => Promise<void> | void): Promise<string[]> {
    return this.walk((hour, key) =>
      pool(hour.entries(), AT_ONCE, async ({ name }) => {
        const taskId = taskOfLog(plainNameOf(name) ?? "");
        if (taskId === undefined || !wanted(taskId)) return;
        const stats = await hour.lstat(name);
        if (!stats?.isFile()) return;
        await visit({ taskId, hour: key, bytes: bytesOf(stats), changedAt: Number(stats.mtimeNs) / 1e9 });
      }),
    );
  }

  /** The logs of these file names, of `fromDate` and later, oldest first. What cannot be read is left out. */
  async find(names: readonly string[], fromDate = ""): Promise<NamedLog[]> {
    const found: NamedLog[] = [];
    await this.walk(async (hour, key) => {
      for (const name of names) {
        const stats = await hour.lstat(name);
        if (stats?.isFile()) found.push({ hour: key, name, path: hour.labelOf(name), bytes: bytesOf(stats) });
      }
    }, fromDate);
    return found.sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  /** The newest date; empty if none can be read. */
  async newestDate(): Promise<string> {
    const names = await this.#root?.names().catch((error) => void reasonOf(error));
    const dates = matching(names ?? [], DATE).sort();
    return dates.at(-1) ?? "";
  }

  /** Works in an hour; undefined when it is gone. */
  use<R>(key: string, work: (hour: Folder) => Promise<R>): Promise<R | undefined> {
    return this.#open.use(key, work);
  }

  /** Closes the hours that are held open. */
  closeHours(): void {
    this.#open.clear();
  }

  /**
   * Removes the logs of a task in some hours, or in a dry run measures them, unless they are newer than `now` (epoch
   * seconds). Never throws for errors of the disk.
   */
  async remove(taskId: string, hours: readonly string[], now: number, dryRun = false): Promise<LogOutcome> {
    const outcome: LogOutcome = { files: 0, bytes: 0, kept: 0, reasons: [], retry: false };
    const name = taskId + LOG_SUFFIX;
    for (const key of hours) {
      try {
        await this.use(key, async (hour) => {
          const bytes = await removableBytes(hour, name, now);
          if (bytes === undefined) return;
          if (!dryRun && !(await this.#hourChanges.during(key, hour, () => unlinkIfThere(hour, name)))) return;
          outcome.files += 1;
          outcome.bytes += bytes;
        });
      } catch (error) {
        outcome.kept += 1;
        outcome.reasons.push(reasonOf(error));
        outcome.retry ||= !(error instanceof Kept) || error.why === "busy";
      }
    }
    return outcome;
  }

  /** Removes empty hours, then empty dates. Forgets the changes of the pass. */
  async sweep({ before, now }: SweepRules): Promise<number> {
    const root = this.#root;
    if (root === undefined) return 0;
    const [hours, dates] = [this.#hourChanges, this.#dateChanges];
    const time = Math.min(before, now - REST_S);
    let removed = 0;
    for (const key of hours.keys()) {
      const [date, hour] = key.split("/") as [string, string];
      const sweepHour = (folder: Folder) =>
        dates.during(date, folder, async () => {
          const swept = await sweepFolders(folder, [hour], (_, at) => hours.isOld(key, time, at));
          removed += swept;
          return swept > 0;
        });
      await within(root.openOfSameMountIfThere(date), sweepHour).catch(reasonOf);
    }
    removed += await sweepFolders(root, dates.keys(), (date, at) => dates.isOld(date, time, at));
    hours.clear();
    dates.clear();
    return removed;
  }

  /** Reads the names of all logs and remembers those of the tasks that are wanted. */
  async index(wanted: (taskId: string) => boolean): Promise<LogIndex> {
    /** The hour of a task, or its hours if it has several: a hundred thousand may have one. */
    const hoursOf = new Map<string, string | string[]>();
    const skipped = await this.walk(async (hour, key) => {
      const changedAt = hour.changedAt();
      const names = await hour.names();
      if (names.length === 0) this.#hourChanges.found(key, changedAt);
      for (const name of names) {
        const taskId = taskOfLog(name.toString());
        if (taskId === undefined || !wanted(taskId)) continue;
        const before = hoursOf.get(taskId);
        hoursOf.set(taskId, before === undefined ? key : [before, key].flat());
      }
    });
    const hours = (taskId: string) => [hoursOf.get(taskId) ?? []].flat();
    return {
      skipped,
      size: hoursOf.size,
      measure: (taskId, now = Number.POSITIVE_INFINITY) => this.remove(taskId, hours(taskId), now, true),
      remove: (taskId, now) => this.remove(taskId, hours(taskId), now),
    };
  }
}

function matching(names: readonly Buffer[], pattern: RegExp): string[] {
  return names.map((name) => name.toString()).filter((name) => pattern.test(name));
}

/** The size of a log; undefined if it is missing. @throws Kept for a link, anything but a file, and a log newer than `now` */
async function removableBytes(hour: Folder, name: string, now: number): Promise<number | undefined> {
  const stats = await hour.lstat(name);
  if (stats === undefined) return undefined;
  if (!stats.isFile()) throw new Kept(`${printableJson(hour.labelOf(name))} is a symbolic link or not a file`);
  refuseIfNewer(stats.mtimeNs, now, hour.labelOf(name));
  return bytesOf(stats);
}

/** The task of a log; undefined for other files, and for names that must not be touched. */
function taskOfLog(fileName: string): string | undefined {
  if (!fileName.endsWith(LOG_SUFFIX)) return undefined;
  const taskId = fileName.slice(0, -LOG_SUFFIX.length);
  return isPlainName(taskId, LOG_SUFFIX) ? taskId : undefined;
}
