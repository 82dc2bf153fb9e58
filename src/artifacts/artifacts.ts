import { DiskArtifacts } from "./disk-artifacts.ts";
import { openRoots, type RootPaths } from "./roots.ts";
import type { Artifacts } from "./types.ts";

export type { LogIndex } from "./log-index.ts";
export type { FolderOutcome } from "./purge-task.ts";
export { heldFile } from "./roots.ts";
export type { Artifact, Artifacts, LogFollower, LogPart, SweepRules } from "./types.ts";

/** What an id is called in `output/` and `Logs/`, where that is not the id itself; what a name is called is that name. */
export type NameOf = (id: string) => string;

/**
 * Opens both roots; one that is missing holds nothing.
 *
 * @param byDescriptor whether to work under `/proc/self/fd`; by default where there is one
 */
export async function openArtifacts(
  { nameOf, ...roots }: RootPaths & { nameOf?: NameOf },
  byDescriptor?: boolean,
): Promise<Artifacts> {
  return new DiskArtifacts(await openRoots(roots, byDescriptor), nameOf);
}

/** Artifacts where there are none: for a look at the stores alone. */
export function noArtifacts(): Artifacts {
  return new DiskArtifacts({ output: undefined, logs: undefined, logsInOutput: undefined });
}
