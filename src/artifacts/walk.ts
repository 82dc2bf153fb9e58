import { pool } from "../pool.ts";
import { printableJson } from "../printable.ts";
import { reasonOf } from "./failure.ts";
import { type Folder, within } from "./folder.ts";
import type { LogFolders } from "./log-folders.ts";
import { taskOfLog } from "./log-index.ts";
import { bytesOf } from "./look.ts";
import { isPlainName } from "./plain-name.ts";

const USERS_AT_ONCE = 4;
const TASKS_AT_ONCE = 4;

/** Is told what a walk over `output/` finds; several calls may be under way at once. */
export interface FolderVisitor {
  folder(userId: string, taskId: string): Promise<void>;
  /** Something that is no folder of a task: its path, quoted. */
  other(path: string): void;
  /** A part that could not be looked into, and why. */
  unread(reason: string): void;
}

export interface FoundLog {
  readonly taskId: string;
  /** `{date}/{hour}` */
  readonly hour: string;
  readonly bytes: number;
  /** Epoch seconds. */
  readonly changedAt: number;
}

/** Which log: of a task, in `{date}/{hour}`. */
export type LogPlace = Pick<FoundLog, "taskId" | "hour">;

/** Visits every `{user}/{task}/`. @param isOurs whether a name in `output/` is ttsctl's own */
export async function walkTaskFolders(
  output: Folder,
  isOurs: (name: string) => boolean,
  visitor: FolderVisitor,
): Promise<void> {
  await noting(visitor, () =>
    pool(output.entries(), USERS_AT_ONCE, async ({ name, isFolder }) => {
      const user = plainNameOf(name);
      if (user !== undefined && isOurs(user)) return;
      if (user === undefined || !isFolder) visitor.other(printableJson(output.labelOf(name)));
      else await noting(visitor, () => walkUser(output, user, visitor));
    }),
  );
}

async function walkUser(output: Folder, user: string, visitor: FolderVisitor): Promise<void> {
  await within(output.openOfSameMountIfThere(user), (home) =>
    pool(home.entries(), TASKS_AT_ONCE, async ({ name, isFolder }) => {
      const task = plainNameOf(name);
      if (task === undefined || !isFolder) visitor.other(printableJson(home.labelOf(name)));
      else await visitor.folder(user, task);
    }),
  );
}

async function noting(visitor: FolderVisitor, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    visitor.unread(reasonOf(error));
  }
}

/** Visits the logs of the tasks that are wanted; returns why parts of `Logs/` were not looked at. */
export function walkTaskLogs(
  logs: LogFolders,
  wanted: (taskId: string) => boolean,
  visit: (log: FoundLog) => void,
): Promise<string[]> {
  return logs.walk((hour, key) =>
    pool(hour.entries(), TASKS_AT_ONCE, async ({ name }) => {
      const taskId = taskOfLog(plainNameOf(name) ?? "");
      if (taskId === undefined || !wanted(taskId)) return;
      const stats = await hour.lstat(name);
      if (!stats?.isFile()) return;
      visit({ taskId, hour: key, bytes: bytesOf(stats), changedAt: Number(stats.mtimeNs) / 1e9 });
    }),
  );
}

/** A name that an id can have; undefined for bytes that are no text, and for what no id can be. */
function plainNameOf(name: Buffer): string | undefined {
  const text = name.toString();
  return isPlainName(text) && Buffer.from(text).equals(name) ? text : undefined;
}
