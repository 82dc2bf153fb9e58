import type { Artifacts } from "../../artifacts/artifacts.ts";
import { STATUS_CODES } from "../../store/file/rows.ts";
import type { RecordRules } from "../../task/rules.ts";
import { FolderNames, NOBODY } from "../folder-names.ts";
import type { TaskColumns } from "./columns.ts";
import type { Tally } from "./tally.ts";
import type { DiskBytes, DiskStats } from "./types.ts";

/** The owner of a log whose task id several users have. */
const SHARED = -2;

/**
 * The disk use of audio and logs, by status and by the tally's users: one walk over the directories and one over the logs.
 * @param userId the one user whose artifacts count, or undefined
 */
export async function readDisk(
  artifacts: Artifacts,
  { columns, users }: Tally,
  userId: string | undefined,
  rules: RecordRules,
): Promise<{ all: DiskStats; ofUser: (user: number) => DiskBytes }> {
  const names = userId === undefined ? undefined : rules.namesOf(userId);
  const owners = ownersIn(columns, rules);
  const byStatus = { wait: noBytes(), run: noBytes(), done: noBytes(), error: noBytes(), other: noBytes() };
  const byUser = { audioBytes: new Float64Array(users.size), logBytes: new Float64Array(users.size) };
  const all = { ...noBytes(), byStatus, sharedLogBytes: 0, unowned: noBytes(), unread: 0 };
  const linked = new Set<bigint>();
  const add = (key: number, kind: keyof DiskBytes, bytes: number) => {
    const status = key < 0 ? -1 : columns.status(key);
    all[kind] += bytes;
    if (key === SHARED) all.sharedLogBytes += bytes;
    else if (status < 0) all.unowned[kind] += bytes;
    else {
      byStatus[STATUS_CODES[status]!][kind] += bytes;
      byUser[kind][users.addUserOf(columns.keys, key)]! += bytes;
    }
  };
  const unread = await artifacts.walkFolders(async (user, task) => {
    if (names?.includes(user) === false) return;
    const folder = await artifacts.measureFolder(user, task);
    if (folder.kind !== "removed") return;
    let { bytes } = folder;
    for (const file of folder.linked ?? []) {
      if (linked.has(file.inode)) bytes -= file.bytes; // a file of several names counts once
      linked.add(file.inode);
    }
    add(rules.sharesFolders ? owners.ownerOf(user, task) : columns.keys.find(user, task), "audioBytes", bytes);
  });
  const skipped = await artifacts.walkLogs(
    (taskId) => names === undefined || owners.ownerOfLog(taskId) !== NOBODY,
    ({ taskId, bytes }) => add(owners.ownerOfLog(taskId), "logBytes", bytes),
  );
  all.unread = unread.length + skipped.length;
  const ofUser = (user: number) => ({ audioBytes: byUser.audioBytes[user]!, logBytes: byUser.logBytes[user]! });
  return { all, ofUser };
}

/** The keys of the tasks that own logs, and directories if tasks share them; those of others are found by their ids. */
function ownersIn(columns: TaskColumns, rules: RecordRules): FolderNames {
  const names = new FolderNames(rules);
  columns.each((key) => {
    const { userId, taskId } = columns.keys.id(key);
    if (rules.sharesFolders) names.add(userId, taskId, key);
    names.addLog(taskId, key, SHARED);
  });
  return names;
}

function noBytes(): DiskBytes {
  return { audioBytes: 0, logBytes: 0 };
}
