import { TtsctlError } from "../errors.ts";
import type { FileStore } from "../store/file/file-store.ts";
import type { Snapshot } from "../store/file/snapshot.ts";
import { BATCH, type Mirror, type SeenCopy } from "../store/redis/mirror.ts";
import type { TaskId } from "../store/task-source.ts";
import { batches } from "./pool.ts";
import { NamedWarnings, type Reporter } from "./reporter.ts";

export interface PruneParts {
  readonly file: FileStore;
  readonly mirror: Mirror;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

/**
 * Removes from the mirror the tasks that only it has. Each batch is looked for once more in the file just before, and
 * each removal goes through only if the copy still is as it was seen.
 */
export async function pruneOrphans(
  parts: PruneParts,
  orphans: readonly TaskId[],
): Promise<{ pruned: number; failed: number }> {
  const failures = new NamedWarnings(parts.reporter, "could not be removed from Redis");
  let pruned = 0;
  let snapshot: Snapshot | undefined;
  try {
    for (const batch of batches(orphans, BATCH)) {
      if (parts.signal.aborted) break;
      snapshot = await currentSnapshot(parts.file, snapshot);
      const still = batch.filter((id) => !snapshot!.holds(id));
      pruned += await removeSeen(parts.mirror, still, failures);
      parts.reporter.progress("pruning", pruned, orphans.length);
    }
  } finally {
    await snapshot?.close();
  }
  failures.end();
  return { pruned, failed: failures.count };
}

/** The snapshot if the file is still what it read, else a new one. */
async function currentSnapshot(file: FileStore, snapshot: Snapshot | undefined): Promise<Snapshot> {
  if (snapshot !== undefined && (await file.isCurrent(snapshot))) return snapshot;
  await snapshot?.close();
  return file.read();
}

async function removeSeen(mirror: Mirror, ids: readonly TaskId[], failures: NamedWarnings): Promise<number> {
  const seen = await mirror.see(ids);
  const removals: { id: TaskId; seen: SeenCopy }[] = [];
  seen.forEach((copy, i) => {
    if (copy instanceof TtsctlError) failures.add(ids[i]!.userId, ids[i]!.taskId, copy.message);
    else removals.push({ id: ids[i]!, seen: copy });
  });
  let removed = 0;
  (await mirror.remove(removals)).forEach((outcome, i) => {
    const { id } = removals[i]!;
    if (outcome instanceof TtsctlError) failures.add(id.userId, id.taskId, outcome.message);
    else if (outcome) removed++;
  });
  return removed;
}
