import { mediaTypeOf } from "../../src/artifacts/media-types.ts";
import type { TaskFile, TaskFiles } from "../../src/http/schema.ts";

/** A file of a task that can be fetched. */
export interface Download extends TaskFile {
  /** Relative to the page. */
  readonly url: string;
  /** The last part of its path. */
  readonly name: string;
}

/** The files of a task that can be fetched; its logs cannot. */
export function downloadsOf({ files }: TaskFiles): Download[] {
  return files.flatMap((file) =>
    file.url === null ? [] : [{ ...file, url: file.url, name: file.path.slice(file.path.lastIndexOf("/") + 1) }],
  );
}

/** Whether this browser can play the file. One that is cut off, but has a length, plays up to there. */
export function isPlayable({ bytes, damaged, seconds, name }: Download): boolean {
  const type = mediaTypeOf(name);
  if (type === undefined || bytes === 0 || (damaged && seconds === undefined)) return false;
  return document.createElement("audio").canPlayType(type) !== "";
}
