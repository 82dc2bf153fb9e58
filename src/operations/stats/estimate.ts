import { isRedisError, TtsctlError } from "../../errors.ts";
import { cleanupOnce } from "../cleanup.ts";
import type { Parts } from "../parts.ts";
import type { RetentionPolicy } from "../purge/policy.ts";
import type { PurgedTask, Reporter } from "../reporter.ts";
import type { CleanupEstimate } from "./types.ts";

export type EstimateParts = Parts<"file" | "mirror" | "artifacts" | "clock" | "reporter">;

/**
 * What a cleanup would free now, of one user or of all: a dry run of it. Null where it would refuse to run, which is said.
 * @param withFiles whether the artifacts say what they take
 */
export async function estimateCleanup(
  parts: EstimateParts,
  policy: RetentionPolicy,
  { userId, withFiles }: { userId: string | undefined; withFiles: boolean },
): Promise<CleanupEstimate | null> {
  const sum = { tasks: 0, files: 0, bytes: 0 };
  // Stats report what is wrong with the stores.
  const reporter: Reporter = {
    warn: () => {},
    progress: () => {},
    done: async (_, items) => {
      for (const task of items as readonly PurgedTask[]) {
        if (userId !== undefined && task.userId !== userId) continue;
        sum.tasks++;
        sum.files += task.files;
        sum.bytes += task.bytes;
      }
    },
  };
  const dryRun = {
    ...{ file: parts.file, mirror: parts.mirror, artifacts: parts.artifacts, clock: parts.clock },
    ...{ reporter, signal: new AbortController().signal, backup: null, ledger: null },
  };
  try {
    const options = { ...policy, stuckAfter: 0, dryRun: true, maxDelete: null, allowEmpty: false };
    const { problem } = await cleanupOnce(dryRun, options);
    if (problem !== null && !isRedisError(problem)) throw problem;
  } catch (error) {
    if (!(error instanceof TtsctlError)) throw error;
    parts.reporter.warn(`what a cleanup would free cannot be told: ${error.message}`);
    return null;
  }
  return withFiles ? sum : { tasks: sum.tasks, files: null, bytes: null };
}
