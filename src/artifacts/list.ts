import type { FileHandle } from "node:fs/promises";
import { systemClock } from "../clock.ts";
import { closeQuietly } from "../errors.ts";
import { pool } from "../pool.ts";
import type { AudioLength } from "./audio-length.ts";
import { type Folder, ignoreRefusal, type Name, within } from "./folder.ts";
import { filesIn, lookIntoChild } from "./look.ts";
import { mediaTypeOf } from "./media-types.ts";

const AT_ONCE = 8;
const MEASURED = ["audio/wav", "audio/mpeg", "audio/flac", "audio/ogg", "audio/mp4"];
/** How long the lengths of all the audio of a task are read. */
const MOST_S = 5;

/** A file of a task; its path is relative to the folder that holds `output/` (absolute for logs that are elsewhere). */
export interface Artifact extends AudioLength {
  path: string;
  bytes: number;
}

/** The files in the folder of a task, links among them. */
export async function listFolder(home: Folder, taskId: string): Promise<Artifact[]> {
  const contents = await lookIntoChild(home, taskId, Number.POSITIVE_INFINITY);
  const artifacts: Artifact[] = [];
  const deadline = systemClock.monotonic() + MOST_S;
  await pool(contents === undefined ? [] : filesIn(contents), AT_ONCE, async ({ folders, name, bytes }) => {
    const path = [home.label, taskId, ...folders, name].join("/");
    const length = bytes > 0 ? await lengthOf(home, [taskId, ...folders, name], deadline) : {};
    artifacts.push({ path, bytes, ...length });
  });
  return artifacts.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/**
 * Opens a file some levels below a folder that is held open; undefined if it is missing.
 * @param names of the folders in the path, then of the file
 * @throws Kept for a symbolic link, a mount point, or anything but a file; FolderError
 */
export async function openBelow(folder: Folder, names: readonly Name[]): Promise<FileHandle | undefined> {
  const [name = "", ...below] = names;
  if (below.length === 0) return folder.openFileIfThere(name);
  return within(folder.openOfSameMountIfThere(name), (inner) => openBelow(inner, below));
}

/** How long a file plays. One that can't be opened or read is listed without it. */
async function lengthOf(home: Folder, names: readonly Name[], deadline: number): Promise<AudioLength> {
  const mediaType = mediaTypeOf(names.at(-1)!.toString("latin1"));
  if (mediaType === undefined || !MEASURED.includes(mediaType)) return {};
  const { audioLength } = await import("./audio-length.ts");
  let file: FileHandle | undefined;
  try {
    file = await openBelow(home, names);
    return file === undefined ? {} : await audioLength(file, (await file.stat()).size, mediaType, deadline);
  } catch (error) {
    return ignoreRefusal(error) ?? {};
  } finally {
    await closeQuietly(file);
  }
}
