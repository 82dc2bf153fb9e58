import type { Turns } from "../clock.ts";
import { printableJson } from "../printable.ts";
import { eachFolder, type Folder, HeldFolders, Kept, type Name, reasonOf, within } from "./folder.ts";
import { areOne, type Measured, refuseIfNewer } from "./look.ts";
import { isPlainName, plainNameOf } from "./plain-name.ts";
import { OwnChanges, type SweepRules, sweepFolders } from "./sweep.ts";

const DATE = /^[0-9]{8}$/;
const HOUR = /^[0-9]{2}$/;
/** A service that has found the directory of an hour leaves no trace in it before its log, so one that may be in use is kept. */
const REST_S = 86_400;
export const LOG_SUFFIX = ".log";

/** Which log: of a task, in `{date}/{hour}`. */
export interface LogPlace {
  readonly taskId: string;
  readonly hour: string;
}

/** A log by its file name; `path` as in an Artifact. */
export interface NamedLog {
  readonly hour: string;
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
}

/** `Logs/{8 digits}/{2 digits}/`. An hour is named `{date}/{hour}` here. */
export class LogFolders {
  /** This pass's removals from hours, and the hours that it found empty. */
  readonly #hourChanges = new OwnChanges();
  /** Dates that were found empty, with their mtime. */
  readonly #dateChanges = new OwnChanges();
  readonly #hours: HeldFolders | undefined;

  constructor(
    private readonly root: Folder | undefined,
    private readonly turns: Turns,
  ) {
    this.#hours = root && new HeldFolders(root, openHour);
  }

  pathOf({ taskId, hour }: LogPlace): string {
    return `${this.root?.label ?? ""}/${hour}/${taskId}${LOG_SUFFIX}`;
  }

  /** Visits the logs of tasks, which it can measure, and notes empty hours; returns why parts of `Logs/` were not looked at, a line each. */
  walk(visit: (log: LogPlace, measure: () => Measured | undefined) => Promise<void> | void): Promise<string[]> {
    return this.#eachHour(async (hour, key) => {
      const changedAt = hour.changedAt();
      let isEmpty = true;
      for (const { name } of hour.entries()) {
        isEmpty = false;
        const taskId = taskOfLog(name);
        if (taskId === undefined) continue;
        await visit({ taskId, hour: key }, () => measureLog(hour, name));
        await this.turns.next();
      }
      if (isEmpty) this.#hourChanges.found(key, changedAt);
    });
  }

  /** The logs of these file names, of `fromDate` and later, oldest first. `note` gets why parts of `Logs/` were not looked at. */
  async find(names: readonly string[], note = (_reason: string) => {}, fromDate = ""): Promise<NamedLog[]> {
    const found: NamedLog[] = [];
    const skipped = await this.#eachHour((hour, key) => {
      for (const name of names) {
        const stats = hour.lstat(name);
        if (stats?.isFile()) found.push({ hour: key, name, path: hour.labelOf(name), bytes: stats.size });
      }
    }, fromDate);
    skipped.forEach(note);
    return found.sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  newestDate(): string {
    return this.#dates(() => {}).at(-1) ?? "";
  }

  /** Works in an hour; undefined when it is gone. */
  use<R>(key: string, work: (hour: Folder) => R): R | undefined {
    const hour = this.#hours?.at(key);
    return hour && work(hour);
  }

  close(): void {
    this.#hours?.close();
  }

  /** Removes, or in a dry run measures, the logs of a task unless they are newer than `now`. Never throws for errors of the disk. */
  remove(taskId: string, hours: readonly string[], now: number, dryRun = false) {
    // Kept: newer than the pass, not a regular file, or not removable, for these reasons; the next pass may succeed (retry).
    const outcome = { files: 0, bytes: 0, kept: 0, reasons: [] as string[], retry: false };
    const name = taskId + LOG_SUFFIX;
    for (const key of hours) {
      try {
        this.use(key, (hour) => {
          const [stats, label] = [hour.lstat(name), hour.labelOf(name)];
          if (stats === undefined) return;
          if (!stats.isFile()) throw new Kept(`${printableJson(label)} is a symbolic link or not a file`);
          refuseIfNewer(stats.mtimeMs, now, label);
          if (!dryRun && !this.#hourChanges.during(key, hour, () => hour.unlink(name))) return;
          outcome.files += 1;
          outcome.bytes += stats.size;
        });
      } catch (error) {
        outcome.kept += 1;
        outcome.reasons.push(reasonOf(error));
        outcome.retry ||= !(error instanceof Kept) || error.why === "busy";
      }
    }
    return outcome;
  }

  /** Whether the log of another name is the same as this one. If that can't be read, it is. */
  areOne({ taskId, hour }: LogPlace, other: string): boolean {
    const statsIn = (folder: Folder) => [taskId, other].map((name) => folder.exactStats(name + LOG_SUFFIX));
    return areOne(() => this.use(hour, statsIn) ?? []);
  }

  /** Removes empty hours, then empty dates. Forgets the changes of the pass. */
  sweep({ before, now }: SweepRules): void {
    const { root } = this;
    if (root === undefined) return;
    const [hours, dates] = [this.#hourChanges, this.#dateChanges];
    const time = Math.min(before, now - REST_S);
    for (const key of hours.keys()) {
      const [date, hour] = key.split("/") as [string, string];
      try {
        within(root.openOfSameMountIfThere(date), (folder) =>
          dates.during(date, folder, () => sweepFolders(folder, [hour], (_, at) => hours.isOld(key, time, at))),
        );
      } catch (error) {
        reasonOf(error);
      }
    }
    sweepFolders(root, dates.keys(), (date, at) => dates.isOld(date, time, at));
    hours.clear();
    dates.clear();
  }

  /** Visits every hour, of `fromDate` and later. Skips links, mount points and unreadable folders, and returns a reason for each. */
  async #eachHour(visit: (hour: Folder, key: string) => Promise<void> | void, fromDate = ""): Promise<string[]> {
    const skipped: string[] = [];
    const note = (reason: string) => void skipped.push(reason);
    const dates = this.#dates(note).filter((date) => date >= fromDate);
    await eachFolder(this.root!, dates, note, async (folder, date) => {
      const changedAt = folder.changedAt();
      const names = folder.names();
      if (names.length === 0) this.#dateChanges.found(date, changedAt);
      await eachFolder(folder, matching(names, HOUR), note, async (hour, name) => {
        await visit(hour, `${date}/${name}`);
        await this.turns.next();
      });
    });
    return skipped;
  }

  #dates(note: (reason: string) => void): string[] {
    try {
      return matching(this.root?.names() ?? [], DATE).sort();
    } catch (error) {
      note(reasonOf(error));
      return [];
    }
  }
}

/** Undefined for anything but a file. */
function measureLog(hour: Folder, name: Name): Measured | undefined {
  const stats = hour.lstat(name);
  return stats?.isFile() ? { files: 1, bytes: stats.size, changedAt: stats.mtimeMs / 1e3 } : undefined;
}

function openHour(root: Folder, key: string): Folder | undefined {
  const [date = "", hour = ""] = key.split("/");
  return within(root.openIfThere(date), (folder) => folder.openIfThere(hour));
}

function matching(names: readonly Name[], pattern: RegExp): string[] {
  return names.map((name) => name.toString()).filter((name) => pattern.test(name));
}

/** The task of a log; undefined for other files, and for names that must not be touched. */
function taskOfLog(name: Name): string | undefined {
  const fileName = plainNameOf(name) ?? "";
  if (!fileName.endsWith(LOG_SUFFIX)) return undefined;
  const taskId = fileName.slice(0, -LOG_SUFFIX.length);
  return isPlainName(taskId, LOG_SUFFIX) ? taskId : undefined;
}
