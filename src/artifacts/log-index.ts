import { printableJson } from "../printable.ts";
import { Kept, reasonOf } from "./failure.ts";
import type { Folder } from "./folder.ts";
import type { LogFolders } from "./log-folders.ts";
import { bytesOf, isNewer, type Removal, unlinkIfThere } from "./look.ts";
import { isPlainName } from "./plain-name.ts";

export const LOG_SUFFIX = ".log";

/** What became of the logs of a task. `kept` counts those that stay: newer than the pass, no regular file, not removable. */
export interface LogOutcome extends Removal {
  kept: number;
  /** Why each of them stays; the names in it are quoted. */
  reasons: string[];
  /** Whether one of them stays because the disk refused, or it was in motion, so that the next pass may have better luck. */
  retry: boolean;
}

/** What became of one log. */
export type LogRemoval = { kind: "removed"; files: number; bytes: number } | { kind: "kept"; reason: string };

/** By task: its hour, or its hours where it has several. A hundred thousand may have one. */
type HoursOf = ReadonlyMap<string, string | string[]>;

/** Which hours hold a log of which task, after one walk over `Logs/` (SPEC section 6, Artifacts). */
export class LogIndex {
  /** Why parts of `Logs/` were not looked at, a line each: their logs are not in the index. */
  readonly skipped: readonly string[];
  readonly #logs: LogFolders | undefined;
  readonly #hoursOf: HoursOf;

  private constructor(logs: LogFolders | undefined, hoursOf: HoursOf, skipped: readonly string[]) {
    this.skipped = skipped;
    this.#logs = logs;
    this.#hoursOf = hoursOf;
  }

  /** Reads the names of all logs and remembers those of the tasks that are wanted. */
  static async read(logs: LogFolders | undefined, wanted: (taskId: string) => boolean): Promise<LogIndex> {
    const hoursOf = new Map<string, string | string[]>();
    const skipped = await logs?.walk(async (hour, key) => {
      const changedAt = hour.changedAt();
      const names = await hour.names();
      if (names.length === 0) logs.hourChanges.found(key, changedAt);
      for (const name of names) {
        const taskId = taskOfLog(name.toString());
        if (taskId !== undefined && wanted(taskId)) addTo(hoursOf, taskId, key);
      }
    });
    return new LogIndex(logs, hoursOf, skipped ?? []);
  }

  /** How many tasks have a log. */
  get size(): number {
    return this.#hoursOf.size;
  }

  /** What `remove` would do. */
  measure(taskId: string, now = Number.POSITIVE_INFINITY): Promise<LogOutcome> {
    return this.#inEachHour(taskId, async (hour, _key, name) => measureLog(hour, name, now));
  }

  /** Removes the logs of a task that are not newer than `now` (epoch seconds). Never throws for what the disk refuses. */
  remove(taskId: string, now: number): Promise<LogOutcome> {
    return this.#inEachHour(taskId, (hour, key, name) => removeLog(this.#logs!, hour, key, name, now));
  }

  async #inEachHour(
    taskId: string,
    work: (hour: Folder, key: string, name: string) => Promise<Removal>,
  ): Promise<LogOutcome> {
    const outcome: LogOutcome = { files: 0, bytes: 0, kept: 0, reasons: [], retry: false };
    for (const key of [this.#hoursOf.get(taskId) ?? []].flat()) {
      try {
        const done = await this.#logs?.use(key, (hour) => work(hour, key, taskId + LOG_SUFFIX));
        outcome.files += done?.files ?? 0;
        outcome.bytes += done?.bytes ?? 0;
      } catch (error) {
        outcome.kept += 1;
        outcome.reasons.push(reasonOf(error));
        outcome.retry ||= !(error instanceof Kept) || error.why === "busy";
      }
    }
    return outcome;
  }
}

/** Removes one log from an hour; throws `Kept` where it stays. */
export async function removeLog(
  logs: LogFolders,
  hour: Folder,
  key: string,
  name: string,
  now: number,
): Promise<Removal> {
  const log = await measureLog(hour, name, now);
  logs.hourChanges.expect(key, hour);
  const removed = log.files > 0 && (await unlinkIfThere(hour, name));
  logs.hourChanges.note(key, hour);
  return removed ? log : { files: 0, bytes: 0 };
}

async function measureLog(hour: Folder, name: string, now: number): Promise<Removal> {
  const stats = await hour.lstat(name);
  if (stats === undefined) return { files: 0, bytes: 0 };
  if (!stats.isFile()) throw new Kept(`${printableJson(hour.labelOf(name))} is a symbolic link or not a file`);
  if (isNewer(stats.mtimeNs, now))
    throw new Kept(`${printableJson(hour.labelOf(name))} is newer than this pass`, "newer");
  return { files: 1, bytes: bytesOf(stats) };
}

/** The task that a log is of; undefined for a file that is none, or whose name is not to be touched. */
export function taskOfLog(fileName: string): string | undefined {
  if (!fileName.endsWith(LOG_SUFFIX)) return undefined;
  const taskId = fileName.slice(0, -LOG_SUFFIX.length);
  return isPlainName(taskId, LOG_SUFFIX) ? taskId : undefined;
}

function addTo(hoursOf: Map<string, string | string[]>, taskId: string, hour: string): void {
  const before = hoursOf.get(taskId);
  if (before === undefined) hoursOf.set(taskId, hour);
  else if (typeof before === "string") hoursOf.set(taskId, [before, hour]);
  else before.push(hour);
}
