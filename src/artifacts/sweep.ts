import { pool } from "../pool.ts";
import { reasonOf } from "./failure.ts";
import { type Folder, within } from "./folder.ts";
import type { LogFolders } from "./log-folders.ts";
import type { OwnChanges } from "./own-changes.ts";
import { removeIfEmpty } from "./purge-area.ts";

const AT_ONCE = 8;
/** A service that finds the folder of an hour leaves no trace in it until its log is there: what may be in use stays. */
const LOGS_REST_S = 86_400;

/** Which empty folders may go: none that the service may be about to put something into. */
export interface SweepRules {
  /** Epoch seconds: what was changed later stays. */
  readonly before: number;
  /** Epoch seconds; folders of logs were last changed a day before it besides. */
  readonly now: number;
  /** Which of these users have a record, looked up now: theirs stay. */
  withRecords(users: readonly string[]): Promise<ReadonlySet<string>>;
}

/** Removes the folders in `parent` that are empty and, our own removals aside, were last changed before `time`. */
export async function sweepFolders(parent: Folder, names: string[], isOld: IsOld): Promise<number> {
  let removed = 0;
  await pool(names, AT_ONCE, async (name) => {
    if (await sweepFolder(parent, name, isOld)) removed += 1;
  });
  return removed;
}

type IsOld = (name: string, mtimeNs: bigint) => boolean;

async function sweepFolder(parent: Folder, name: string, isOld: IsOld): Promise<boolean> {
  try {
    const stats = await parent.lstat(name);
    return stats?.isDirectory() === true && isOld(name, stats.mtimeNs) && (await removeIfEmpty(parent, name));
  } catch (error) {
    reasonOf(error);
    return false; // an empty folder that stays does no harm
  }
}

/**
 * A service that makes `{user}/{task}/` looks for the first folder and makes the second in it: between the two the first
 * must not go. It has written a record of that task by then.
 */
export async function sweepUsers(
  output: Folder,
  changes: OwnChanges,
  { before, withRecords }: SweepRules,
): Promise<number> {
  const users = changes.keysBefore(before);
  if (users.length === 0) return 0;
  const busy = await withRecords(users);
  const idle = users.filter((user) => !busy.has(user));
  return sweepFolders(output, idle, (user, mtimeNs) => changes.isOld(user, mtimeNs, before));
}

/** Hours first, then the dates that lost their last hour or were found empty. */
export async function sweepLogs(logs: LogFolders, { before, now }: SweepRules): Promise<number> {
  const time = Math.min(before, now - LOGS_REST_S);
  let removed = 0;
  for (const [date, hours] of hoursByDate(logs.hourChanges.keys())) {
    removed += await sweepDate(logs, date, hours, time);
  }
  const { dateChanges, root } = logs;
  return removed + (await sweepFolders(root, dateChanges.keys(), (date, at) => dateChanges.isOld(date, at, time)));
}

async function sweepDate(logs: LogFolders, date: string, hours: string[], time: number): Promise<number> {
  try {
    const removed = await within(logs.root.openOfSameMountIfThere(date), async (folder) => {
      logs.dateChanges.expect(date, folder);
      const isOld: IsOld = (hour, at) => logs.hourChanges.isOld(`${date}/${hour}`, at, time);
      const removed = await sweepFolders(folder, hours, isOld);
      logs.dateChanges.note(date, folder);
      return removed;
    });
    return removed ?? 0;
  } catch (error) {
    reasonOf(error);
    return 0;
  }
}

function hoursByDate(keys: string[]): Map<string, string[]> {
  const dates = new Map<string, string[]>();
  for (const key of keys) {
    const [date, hour] = key.split("/") as [string, string];
    const hours = dates.get(date);
    if (hours === undefined) dates.set(date, [hour]);
    else hours.push(hour);
  }
  return dates;
}
