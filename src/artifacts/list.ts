import type { Folder } from "./folder.ts";
import type { LogFolders } from "./log-folders.ts";
import { LOG_SUFFIX } from "./log-index.ts";
import { bytesOf, type Contents, lookIntoChild } from "./look.ts";
import type { Artifact } from "./types.ts";

/** The files in the folder of a task, links among them. */
export async function listFolder(home: Folder, taskId: string): Promise<Artifact[]> {
  const contents = await lookIntoChild(home, taskId, Number.POSITIVE_INFINITY);
  return contents === undefined ? [] : byPath(artifactsIn(home.labelOf(taskId), contents));
}

function artifactsIn(label: string, { files, folders }: Contents): Artifact[] {
  const here = files.map(({ name, bytes }) => ({ path: `${label}/${name}`, bytes }));
  return [...here, ...folders.flatMap(({ name, contents }) => artifactsIn(`${label}/${name}`, contents))];
}

/** The logs of a task, of every hour. */
export async function listLogs(logs: LogFolders | undefined, taskId: string): Promise<Artifact[]> {
  const found: Artifact[] = [];
  const name = taskId + LOG_SUFFIX;
  await logs?.walk(async (hour) => {
    const stats = await hour.lstat(name);
    if (stats?.isFile()) found.push({ path: hour.labelOf(name), bytes: bytesOf(stats) });
  });
  return byPath(found);
}

function byPath(artifacts: Artifact[]): Artifact[] {
  return artifacts.sort((a, b) => (a.path < b.path ? -1 : 1));
}
