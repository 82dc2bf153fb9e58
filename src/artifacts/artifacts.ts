import { DiskArtifacts } from "./disk-artifacts.ts";
import { openRoots, type RootPaths } from "./roots.ts";
import type { ArtifactNames, Artifacts } from "./types.ts";

export type { LogIndex } from "./log-index.ts";
export type { FolderOutcome } from "./purge-task.ts";
export { heldFile } from "./roots.ts";
export type { Artifact, Artifacts, FolderName, LogFollower, LogPart, SweepRules } from "./types.ts";

/**
 * Opens both roots; one that is missing holds nothing.
 *
 * @param byDescriptor whether to work under `/proc/self/fd`; by default where there is one
 */
export async function openArtifacts(
  { names, ...roots }: RootPaths & { names?: ArtifactNames },
  byDescriptor?: boolean,
): Promise<Artifacts> {
  return new DiskArtifacts(await openRoots(roots, byDescriptor), names);
}

/** Artifacts where there are none: for a look at the stores alone. */
export function noArtifacts(): Artifacts {
  return new DiskArtifacts({ output: undefined, logs: undefined, logsInOutput: undefined });
}
