import { mediaTypeOf } from "../../src/artifacts/media-types.ts";
import type { TaskFiles } from "../../src/http/schema.ts";

/** A file of a task that can be fetched. Its url is relative to the page. */
export type Download = ReturnType<typeof downloadsOf>[number];

/** The files of a task that can be fetched, with the last part of their paths as names; its logs cannot. */
export function downloadsOf({ files }: TaskFiles) {
  return files.flatMap(({ url, ...file }) =>
    url === null ? [] : [{ ...file, url, name: file.path.split("/").pop()! }],
  );
}

/** Whether this browser can play the file. One that is cut off, but has a length, plays up to there. */
export function isPlayable({ bytes, damaged, seconds, name }: Download): boolean {
  const type = mediaTypeOf(name);
  if (type === undefined || bytes === 0 || (damaged && seconds === undefined)) return false;
  return document.createElement("audio").canPlayType(type) !== "";
}
