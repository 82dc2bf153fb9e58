import { FolderNames } from "../folder-names.ts";
import type { Parts } from "../parts.ts";
import type { Census } from "./census.ts";

/**
 * What would be free on the disk if a finished task went after all that are older, in bytes by the number of the task.
 * One walk over the folders and one over the logs. What tasks share, a log, a folder or a file with several hard links,
 * counts once: for the last of them to go; a log or folder that an unfinished task owns too counts for none.
 * @param newestFirst the finished tasks in the order of a list
 */
export async function diskUse(
  { artifacts, reporter }: Parts<"artifacts" | "reporter">,
  census: Census,
  newestFirst: Int32Array,
  ownerless: ReadonlySet<string>,
): Promise<Float64Array> {
  const owners = ownersIn(census, newestFirst, ownerless);
  const use = new Float64Array(census.size);
  /** By inode, the newest task that holds the file. */
  const holders = new Map<bigint, { task: number; bytes: number }>();
  const unread = await artifacts.walkFolders(async (userId, taskId) => {
    const task = owners.ownerOf(userId, taskId);
    const folder = task < 0 ? null : await artifacts.measureFolder(userId, taskId);
    if (folder?.kind !== "removed") return;
    use[task]! += folder.bytes;
    for (const { inode, bytes } of folder.linked ?? []) {
      use[task]! -= bytes;
      const holder = holders.get(inode);
      if (holder === undefined || census.time(holder.task) < census.time(task)) holders.set(inode, { task, bytes });
    }
  });
  const skipped = await artifacts.walkLogs(
    () => true,
    ({ taskId, bytes }) => {
      const task = owners.ownerOfLog(taskId);
      if (task >= 0) use[task]! += bytes;
    },
  );
  for (const reason of [...unread, ...skipped]) reporter.warn(`not counted for max_bytes: ${reason}`);
  for (const { task, bytes } of holders.values()) use[task]! += bytes;
  return use;
}

function ownersIn(census: Census, newestFirst: Int32Array, ownerless: ReadonlySet<string>): FolderNames {
  const names = new FolderNames(census.rules);
  const add = (task: number, owner: number) => {
    const { userId, taskId } = census.id(task);
    names.add(userId, taskId, owner);
    names.addLog(taskId, owner);
  };
  for (const task of newestFirst.toReversed()) add(task, task);
  for (let task = 0; task < census.size; task++) if (census.isTask(task) && !census.isFinished(task)) add(task, -1);
  for (const taskId of ownerless) names.addLog(taskId, -1);
  return names;
}
