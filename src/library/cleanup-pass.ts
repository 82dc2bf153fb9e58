import { openArtifacts } from "../artifacts/artifacts.ts";
import { isConfigured } from "../config/is-configured.ts";
import { TtsctlError } from "../errors.ts";
import { cleanupOnce } from "../operations/cleanup.ts";
import { policyOf } from "../operations/purge/policy.ts";
import { FileStore } from "../store/file/file-store.ts";
import type { StoreParts } from "./parts.ts";
import { reporterTo } from "./reporter.ts";
import type { CleanupCounts, CleanupResult } from "./types.ts";

/** @throws TtsctlError CONFIG_REQUIRED if a cleanup might act on defaults, or would not keep the audit ledger */
export function checkCleanup({ settings }: StoreParts): void {
  if (!isConfigured(settings, true)) {
    throw new TtsctlError("CONFIG_REQUIRED", "the cleanup removes audio and logs: say where they are", {
      hint: "give openTaskStore output and logs, or a config",
    });
  }
  if (settings.audit.path.value === null) return;
  throw new TtsctlError("CONFIG_REQUIRED", "only the commands keep the audit ledger", {
    hint: "run `ttsctl cleanup` beside this program, or remove [audit] path",
  });
}

/**
 * One pass of the cleanup, which holds the run lock.
 * @throws TtsctlError as `cleanupOnce`, LOCK_*
 */
export async function cleanupPass(
  { settings, link, clock, logger, rules }: StoreParts,
  { signal, dryRun }: { readonly signal: AbortSignal; readonly dryRun: boolean },
): Promise<CleanupResult> {
  const { paths, cleanup } = settings;
  const file = new FileStore(settings.store.path.value, rules, clock, { signal });
  const lock = await file.lock("run");
  try {
    const apart = [settings.store.path.value, settings.configPath].filter((path) => path !== null);
    const roots = { output: paths.output.value, logs: paths.logs.value };
    const artifacts = await openArtifacts({ ...roots, names: rules, apart });
    try {
      const { result, problem } = await cleanupOnce(
        {
          ...{ file, artifacts, clock, mirror: await link.open(), backup: null, ledger: null },
          ...{ reporter: reporterTo(logger), signal },
        },
        {
          ...{ ...policyOf(cleanup), stuckAfter: cleanup.stuckAfter.value },
          ...{ dryRun, allowEmpty: false, maxDelete: null },
        },
      );
      return { counts: countsOf(result), problem };
    } finally {
      await artifacts.close();
    }
  } finally {
    await lock.release();
  }
}

function countsOf(result: CleanupCounts): CleanupCounts {
  const { expireBefore, candidates, purged, skipped, failed, returned, files, bytes, durationMs } = result;
  return { expireBefore, candidates, purged, skipped, failed, returned, files, bytes, durationMs };
}
