import { closeSync, fstatSync, readSync } from "node:fs";
import { systemClock, type Turns } from "../clock.ts";
import type { AudioLength } from "./audio-length.ts";
import { type Folder, ignoreRefusal, type Name, within } from "./folder.ts";
import { ANY_AGE, filesIn, lookIntoChild } from "./look.ts";
import { mediaTypeOf } from "./media-types.ts";

const MEASURED = ["audio/wav", "audio/mpeg", "audio/flac", "audio/ogg", "audio/mp4"];
const MOST_S = 5;

/** A file of a task; its path is relative to the folder that holds `output/` (absolute for logs that are elsewhere). */
export interface Artifact extends AudioLength {
  path: string;
  bytes: number;
}

/** The files in a folder some levels below `output/`, links among them. @throws Kept, FolderError */
export async function listFolder(output: Folder, names: readonly string[], turns: Turns): Promise<Artifact[]> {
  const contents = below(output, names, (parent, name) => lookIntoChild(parent, name, ANY_AGE));
  const artifacts: Artifact[] = [];
  const deadline = systemClock.monotonic() + MOST_S;
  for (const { folders, name, bytes } of contents === undefined ? [] : filesIn(contents)) {
    const way = [...names, ...folders, name];
    const length = bytes > 0 ? await lengthOf(output, way, deadline) : {};
    artifacts.push({ path: [output.label, ...way].join("/"), bytes, ...length });
    await turns.next();
  }
  return artifacts.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Opens a file below a folder, for its caller to close; undefined if it is missing. @throws Kept for anything but a file; FolderError */
export function openBelow(folder: Folder, names: readonly Name[]): number | undefined {
  return below(folder, names, (parent, name) => parent.openFileIfThere(name));
}

/** Works in the folder that holds the last of some names; undefined if one on the way to it is missing. */
function below<R>(folder: Folder, names: readonly Name[], work: (parent: Folder, name: Name) => R): R | undefined {
  const [name = "", ...rest] = names;
  if (rest.length === 0) return work(folder, name);
  return within(folder.openOfSameMountIfThere(name), (inner) => below(inner, rest, work));
}

/** How long a file plays. One that can't be opened or read is listed without it. */
async function lengthOf(output: Folder, names: readonly Name[], deadline: number): Promise<AudioLength> {
  const mediaType = mediaTypeOf(names.at(-1)!.toString("latin1"));
  if (mediaType === undefined || !MEASURED.includes(mediaType)) return {};
  const { audioLength } = await import("./audio-length.ts");
  let fd: number | undefined;
  try {
    const file = openBelow(output, names);
    if (file === undefined) return {};
    fd = file;
    return await audioLength((...place) => readSync(file, ...place), fstatSync(file).size, mediaType, deadline);
  } catch (error) {
    return ignoreRefusal(error) ?? {};
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
