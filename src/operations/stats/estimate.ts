import type { Artifacts } from "../../artifacts/artifacts.ts";
import type { Clock } from "../../clock.ts";
import { isRedisError, TtsctlError } from "../../errors.ts";
import type { FileStore } from "../../store/file/file-store.ts";
import type { MirrorState } from "../../store/mirror-link.ts";
import { cleanupOnce } from "../cleanup.ts";
import type { RetentionPolicy } from "../purge/policy.ts";
import type { Reporter } from "../reporter.ts";
import type { CleanupEstimate } from "./types.ts";

export interface EstimateParts {
  readonly file: FileStore;
  readonly mirror: MirrorState;
  readonly artifacts: Artifacts;
  readonly clock: Clock;
  readonly reporter: Reporter;
}

/** A dry run says nothing of its own: what is to be said of the stores, the stats say. */
const SILENT: Reporter = { warn: () => {}, progress: () => {} };

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
  const dryRun = {
    ...{ file: parts.file, mirror: parts.mirror, artifacts: parts.artifacts, clock: parts.clock },
    ...{ reporter: SILENT, signal: new AbortController().signal, backup: null, ledger: null, drain: async () => {} },
    onPurged: (task: { userId: string; files: number; bytes: number }) => {
      if (userId !== undefined && task.userId !== userId) return;
      sum.tasks++;
      sum.files += task.files;
      sum.bytes += task.bytes;
    },
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
