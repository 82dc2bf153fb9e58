import { TtsctlError } from "../errors.ts";
import type { FileStore } from "../store/file/file-store.ts";
import type { Snapshot } from "../store/file/snapshot.ts";
import { BATCH, type Mirror, type Outcome, type SeenCopy } from "../store/redis/mirror.ts";
import type { TaskId } from "../store/task-source.ts";
import type { Ledger } from "./ledger.ts";
import { batches } from "./pool.ts";
import { NamedWarnings, type Reporter } from "./reporter.ts";

export interface PruneParts {
  readonly file: FileStore;
  readonly mirror: Mirror;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
  readonly ledger: Ledger | null;
}

/**
 * Removes from the mirror the tasks that only it has. Each batch is looked for once more in the file just before, and
 * each removal goes through only if the copy still is as it was seen.
 * @throws TtsctlError STORE_*, REDIS_*, AUDIT_FAILED
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
      // Seen first and looked for in the file after: what the service writes in between, file first, is then either in
      // the file or no longer what was seen.
      const seen = await parts.mirror.see(batch);
      snapshot = await currentSnapshot(parts.file, snapshot);
      const still = batch.flatMap((id, i) => (snapshot!.holds(id) ? [] : [{ id, seen: seen[i]! }]));
      pruned += await removeSeen(parts, still, failures);
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

async function removeSeen(
  { mirror, ledger }: PruneParts,
  orphans: readonly { id: TaskId; seen: Outcome<SeenCopy> }[],
  failures: NamedWarnings,
): Promise<number> {
  const removals: { id: TaskId; seen: SeenCopy }[] = [];
  for (const { id, seen } of orphans) {
    if (seen instanceof TtsctlError) failures.add(id.userId, id.taskId, seen.message);
    else removals.push({ id, seen });
  }
  await ledger?.announce(
    "prune",
    removals.map(({ id }) => ({ ...id, reason: "orphan" })),
  );
  const stayed: TaskId[] = [];
  (await mirror.remove(removals)).forEach((outcome, i) => {
    const { id } = removals[i]!;
    if (outcome instanceof TtsctlError) failures.add(id.userId, id.taskId, outcome.message);
    if (outcome !== true) stayed.push(id);
  });
  await ledger?.stayed(stayed);
  return removals.length - stayed.length;
}
