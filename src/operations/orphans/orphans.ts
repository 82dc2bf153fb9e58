import { batches } from "../../store/batches.ts";
import { formatUtc } from "../../task/time.ts";
import { checkBrake, type MaxDelete } from "../brake.ts";
import { recoverArtifacts } from "../purge/recover.ts";
import type { Orphan } from "../reporter.ts";
import { checkClock, checkReading, storeEmpty } from "../safety.ts";
import { checkSameStore } from "../same-store.ts";
import { findOrphans, type Orphans } from "./find-orphans.ts";
import { Owners } from "./owners.ts";
import { OrphanRemoval } from "./remove-orphans.ts";
import type { OrphanOptions, OrphanParts, OrphanResult } from "./types.ts";

/**
 * Finds artifacts that no record in either store owns and that are older than the retention, and unless it is a dry run
 * removes them (SPEC section 6, Artifacts). The caller then holds the run lock.
 * @throws TtsctlError STORE_*, REDIS_*, CLOCK_SKEW, LAYOUT_MISMATCH, TIMEZONE_MISMATCH, MAX_DELETE_EXCEEDED and INTERRUPTED before the first removal
 */
export async function cleanUpOrphans(parts: OrphanParts, options: OrphanOptions): Promise<OrphanResult> {
  const started = parts.clock.monotonic();
  const olderThan = parts.clock.now() - options.retention;
  await checkClock(parts.mirror, parts.clock, options.retention);
  await checkReading(parts.mirror);
  if (!options.dryRun) await recoverArtifacts(parts);
  const owners = await Owners.read(parts);
  try {
    if (owners.snapshot.size === 0) throw storeEmpty(owners.snapshot, ": every artifact would be without a record");
    await checkSameStore(owners.snapshot, parts.mirror);
    const orphans = await findOrphans(parts, owners, olderThan);
    const result = resultOf(orphans, olderThan, options.dryRun);
    if (options.dryRun) await listOrphans(parts, orphans, result);
    else await remove(parts, owners, orphans, { olderThan, maxDelete: options.maxDelete, result });
    result.durationMs = Math.round((parts.clock.monotonic() - started) * 1000);
    return result;
  } finally {
    await owners.close();
  }
}

/** The result where nothing was removed. */
function resultOf(orphans: Orphans, olderThan: number, dryRun: boolean): OrphanResult {
  const { found, young, unknown, folders, logs } = orphans;
  return {
    ...{ olderThan: formatUtc(olderThan), found, folders: folders.size, logs: logs.size, young, unknown },
    ...{ removed: 0, skipped: 0, failed: 0, files: 0, bytes: 0, dryRun, durationMs: 0 },
  };
}

async function listOrphans(parts: OrphanParts, orphans: Orphans, result: OrphanResult): Promise<void> {
  const { folders, folderSizes, logs, logSizes } = orphans;
  function* found(): Generator<Orphan> {
    for (let i = 0; i < folders.size; i++) {
      yield { path: parts.artifacts.folderPath(folders.userId(i), folders.taskId(i)), ...folderSizes.at(i) };
    }
    for (let i = 0; i < logs.size; i++) {
      yield { path: parts.artifacts.logPath({ hour: logs.userId(i), taskId: logs.taskId(i) }), ...logSizes.at(i) };
    }
  }
  for (const batch of batches(found(), 500)) {
    for (const { files, bytes } of batch) {
      result.files += files;
      result.bytes += bytes;
    }
    await parts.reporter.done("orphan", batch, true);
  }
}

async function remove(
  parts: OrphanParts,
  owners: Owners,
  orphans: Orphans,
  { olderThan, maxDelete, result }: { olderThan: number; maxDelete: MaxDelete; result: OrphanResult },
): Promise<void> {
  const braked = { what: "artifact", done: "removed", flag: "--max-delete" };
  checkBrake(orphans.folders.size + orphans.logs.size, orphans.found, maxDelete, braked);
  const removal = new OrphanRemoval(parts, owners, orphans, olderThan, result);
  try {
    await removal.run();
  } finally {
    const withRecords = (users: readonly string[]) => owners.withRecords(users);
    if (!parts.signal.aborted) await parts.artifacts.sweep({ before: olderThan, now: parts.clock.now(), withRecords });
  }
}
