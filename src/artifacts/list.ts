import type { FileHandle } from "node:fs/promises";
import { closeQuietly, systemErrorCode } from "../errors.ts";
import { forEachBounded } from "./bounded.ts";
import { FolderError, Kept } from "./failure.ts";
import type { Folder, Name } from "./folder.ts";
import type { LogFolders } from "./log-folders.ts";
import { LOG_SUFFIX } from "./log-index.ts";
import { bytesOf, type Contents, lookIntoChild } from "./look.ts";
import type { Artifact } from "./types.ts";
import { wavSeconds } from "./wav.ts";

const AT_ONCE = 8;

/** The files in the folder of a task, links among them. */
export async function listFolder(home: Folder, taskId: string): Promise<Artifact[]> {
  const contents = await lookIntoChild(home, taskId, Number.POSITIVE_INFINITY);
  if (contents === undefined) return [];
  const artifacts: Artifact[] = [];
  await gather(home, taskId, contents, artifacts);
  return byPath(artifacts);
}

async function gather(parent: Folder, name: Name, contents: Contents, artifacts: Artifact[]): Promise<void> {
  const folder = await parent.openIfThere(name);
  if (folder === undefined) return; // removed since it was looked at
  try {
    await forEachBounded(contents.files, AT_ONCE, async (file) => {
      const seconds = file.bytes > 0 && isWav(file.name) ? await lengthOf(folder, file.name) : undefined;
      const path = folder.labelOf(file.name);
      artifacts.push({ path, bytes: file.bytes, ...(seconds === undefined ? {} : { seconds }) });
    });
    for (const inner of contents.folders) await gather(folder, inner.name, inner.contents, artifacts);
  } finally {
    folder.close();
  }
}

function isWav(name: Buffer): boolean {
  return name.toString("latin1").toLowerCase().endsWith(".wav");
}

/** How long a WAV file plays; undefined also where it cannot be read, as that is no reason not to list it. */
async function lengthOf(folder: Folder, name: Name): Promise<number | undefined> {
  let file: FileHandle | undefined;
  try {
    file = await folder.openFileIfThere(name);
    return file && (await wavSeconds(file, (await file.stat()).size));
  } catch (error) {
    if (error instanceof Kept || error instanceof FolderError || systemErrorCode(error) !== undefined) return undefined;
    throw error;
  } finally {
    await closeQuietly(file);
  }
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
