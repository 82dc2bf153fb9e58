import type { TaskFile, TaskFiles } from "../../src/http/routes/voice-tasks.ts";

/** A file of a task that can be fetched. */
export interface Download extends TaskFile {
  /** Relative to the page. */
  readonly url: string;
  /** The last part of its path. */
  readonly name: string;
}

/** What of the files of a task can be fetched; its logs cannot. */
export function downloadsOf({ files }: TaskFiles): Download[] {
  return files.flatMap((file) =>
    file.url === null ? [] : [{ ...file, url: file.url, name: file.path.slice(file.path.lastIndexOf("/") + 1) }],
  );
}
