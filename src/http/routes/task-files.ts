import type { Artifact, FolderName } from "../../artifacts/artifacts.ts";
import { mediaTypeOf } from "../../artifacts/media-types.ts";
import type { TaskId } from "../../store/task-source.ts";
import { json } from "../json.ts";
import type { ServerParts } from "../parts.ts";

/** A file of a task, as `get -o json` has it, and where it can be had; logs are not given out. */
export interface TaskFile extends Artifact {
  /** Relative to where the API is; null for a log. */
  readonly url: string | null;
  /** Whether a player takes it. */
  readonly audio: boolean;
}

/** `GET /voice-tasks/{task_id}/files`. */
export interface TaskFiles {
  readonly files: readonly TaskFile[];
}

export async function taskFiles({ openArtifacts }: ServerParts, { userId, taskId }: TaskId): Promise<Response> {
  const artifacts = await openArtifacts();
  try {
    const folders = artifacts.foldersOf(userId, taskId).map((names) => {
      return { names, path: `${artifacts.folderPath(names.userId, names.taskId)}/` };
    });
    const files = (await artifacts.list(userId, taskId)).map((artifact) => describe(artifact, folders));
    return json({ files } satisfies TaskFiles);
  } finally {
    await artifacts.close();
  }
}

function describe(artifact: Artifact, folders: readonly { names: FolderName; path: string }[]): TaskFile {
  const folder = folders.find(({ path }) => artifact.path.startsWith(path));
  if (folder === undefined) return { ...artifact, url: null, audio: false };
  const { userId, taskId } = folder.names;
  const names = artifact.path.slice(folder.path.length).split("/");
  const url = ["output", ...[userId, taskId, ...names].map(encodeURIComponent)].join("/");
  return { ...artifact, url, audio: mediaTypeOf(artifact.path) !== undefined };
}
