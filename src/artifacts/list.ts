import type { FileHandle } from "node:fs/promises";
import { closeQuietly } from "../errors.ts";
import { pool } from "../pool.ts";
import type { AudioLength } from "./audio-length.ts";
import { type Folder, ignoreRefusal, type Name, within } from "./folder.ts";
import { type Contents, lookIntoChild } from "./look.ts";
import { mediaTypeOf } from "./media-types.ts";

const AT_ONCE = 8;
const MEASURED = ["audio/wav", "audio/mpeg", "audio/flac", "audio/ogg", "audio/mp4"];
/** How long the lengths of all the audio of a task are read. */
const MOST_MS = 5000;

/** A file of a task; its path is relative to the folder that holds `output/` (absolute for logs that lie elsewhere). */
export interface Artifact extends AudioLength {
  path: string;
  bytes: number;
}

/** The files in the folder of a task, links among them. */
export async function listFolder(home: Folder, taskId: string): Promise<Artifact[]> {
  const contents = await lookIntoChild(home, taskId, Number.POSITIVE_INFINITY);
  if (contents === undefined) return [];
  const artifacts: Artifact[] = [];
  await gather(home, taskId, contents, artifacts, performance.now() + MOST_MS);
  return artifacts.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function gather(
  parent: Folder,
  name: Name,
  contents: Contents,
  artifacts: Artifact[],
  deadline: number,
): Promise<void> {
  // One that was removed since it was looked at has none.
  await within(parent.openIfThere(name), async (folder) => {
    await pool(contents.files, AT_ONCE, async (file) => {
      const length = file.bytes > 0 ? await lengthOf(folder, file.name, deadline) : {};
      artifacts.push({ path: folder.labelOf(file.name), bytes: file.bytes, ...length });
    });
    for (const inner of contents.folders) await gather(folder, inner.name, inner.contents, artifacts, deadline);
  });
}

/** How long a file plays. One that can't be opened or read is listed without it. */
async function lengthOf(folder: Folder, name: Name, deadline: number): Promise<AudioLength> {
  const mediaType = mediaTypeOf(name.toString("latin1"));
  if (mediaType === undefined || !MEASURED.includes(mediaType)) return {};
  const { audioLength } = await import("./audio-length.ts");
  let file: FileHandle | undefined;
  try {
    file = await folder.openFileIfThere(name);
    return file === undefined ? {} : await audioLength(file, (await file.stat()).size, mediaType, deadline);
  } catch (error) {
    return ignoreRefusal(error) ?? {};
  } finally {
    await closeQuietly(file);
  }
}
