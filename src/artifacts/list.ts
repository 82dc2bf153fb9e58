import { closeSync, fstatSync, readSync } from "node:fs";
import { systemClock, type Turns } from "../clock.ts";
import type { AudioLength } from "./audio-length.ts";
import { type Folder, ignoreRefusal, type Name, within } from "./folder.ts";
import { ANY_AGE, filesIn, lookIntoChild } from "./look.ts";
import { mediaTypeOf } from "./media-types.ts";

const MEASURED = ["audio/wav", "audio/mpeg", "audio/flac", "audio/ogg", "audio/mp4"];
/** How long the lengths of all the audio of a task are read. */
const MOST_S = 5;

/** A file of a task; its path is relative to the folder that holds `output/` (absolute for logs that are elsewhere). */
export interface Artifact extends AudioLength {
  path: string;
  bytes: number;
}

/** The files in the folder of a task, links among them. */
export async function listFolder(home: Folder, taskId: string, turns: Turns): Promise<Artifact[]> {
  const contents = lookIntoChild(home, taskId, ANY_AGE);
  const artifacts: Artifact[] = [];
  const deadline = systemClock.monotonic() + MOST_S;
  for (const { folders, name, bytes } of contents === undefined ? [] : filesIn(contents)) {
    const path = [home.label, taskId, ...folders, name].join("/");
    const length = bytes > 0 ? await lengthOf(home, [taskId, ...folders, name], deadline) : {};
    artifacts.push({ path, bytes, ...length });
    await turns.next();
  }
  return artifacts.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/**
 * Opens a file some levels below a folder that is held open, for its caller to close; undefined if it is missing.
 * @param names of the folders in the path, then of the file
 * @throws Kept for a symbolic link, a mount point, or anything but a file; FolderError
 */
export function openBelow(folder: Folder, names: readonly Name[]): number | undefined {
  const [name = "", ...below] = names;
  if (below.length === 0) return folder.openFileIfThere(name);
  return within(folder.openOfSameMountIfThere(name), (inner) => openBelow(inner, below));
}

/** How long a file plays. One that can't be opened or read is listed without it. */
async function lengthOf(home: Folder, names: readonly Name[], deadline: number): Promise<AudioLength> {
  const mediaType = mediaTypeOf(names.at(-1)!.toString("latin1"));
  if (mediaType === undefined || !MEASURED.includes(mediaType)) return {};
  const { audioLength } = await import("./audio-length.ts");
  let fd: number | undefined;
  try {
    const file = openBelow(home, names);
    if (file === undefined) return {};
    fd = file;
    return await audioLength((...place) => readSync(file, ...place), fstatSync(file).size, mediaType, deadline);
  } catch (error) {
    return ignoreRefusal(error) ?? {};
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
