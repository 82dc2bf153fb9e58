import { TtsctlError } from "../errors.ts";
import { batches } from "../pool.ts";
import { CurrentFile } from "../store/file/shared-snapshot.ts";
import { isNothing, type RedisCopy } from "../store/layout/copy.ts";
import { BATCH, type GuardedRemoval, type Outcome } from "../store/redis/copies.ts";
import { isUnsure } from "../store/redis/walk.ts";
import type { TaskId } from "../store/task-source.ts";
import type { LedgerAction } from "./ledger.ts";
import type { Parts } from "./parts.ts";
import type { bothOf } from "./preflight.ts";
import { NamedWarnings } from "./reporter.ts";

type PruneParts = Parts<"reporter" | "signal" | "ledger"> & ReturnType<typeof bothOf>;

export interface Orphans {
  readonly ids: Iterable<TaskId>;
  readonly count: number;
  readonly action: LedgerAction;
  readonly reason: string;
  /** Removes only members without a hash: by now a hash is a task. */
  readonly membersOnly?: boolean;
  /** Called with each that wasn't removed. */
  onStayed?(id: TaskId): void;
}

/** Prunes Redis-only entries: each is looked up in the file again, and removed only if its copy hasn't changed. */
export async function pruneOrphans(parts: PruneParts, orphans: Orphans): Promise<{ pruned: number; failed: number }> {
  const failures = new NamedWarnings(parts.reporter, "could not be removed from Redis");
  await using file = new CurrentFile(parts.file);
  let pruned = 0;
  for (const batch of batches(orphans.ids, BATCH)) {
    if (parts.signal.aborted) break;
    // The file is read after Redis: what the service writes in between, file first, is then in the file, or its copy has
    // changed.
    const copies = await parts.mirror.copies(batch, "state");
    const snapshot = await file.snapshot();
    const still = batch.map((id, i) => ({ id, copy: snapshot.holds(id) ? null : copies[i]! }));
    pruned += await removeSeen(parts, orphans, still, failures);
    parts.reporter.progress("pruning", pruned, orphans.count);
  }
  failures.end();
  return { pruned, failed: failures.count };
}

/** Returns how many were removed. @param batch with the copies in Redis; null for a task that is kept */
async function removeSeen(
  { mirror, ledger }: PruneParts,
  { action, reason, membersOnly = false, onStayed }: Orphans,
  batch: readonly { id: TaskId; copy: Outcome<RedisCopy> | null }[],
  failures: NamedWarnings,
): Promise<number> {
  const removals: GuardedRemoval[] = [];
  for (const { id, copy: found } of batch) {
    const copy = found !== null && !(found instanceof TtsctlError) && isOfAnotherName(id, found) ? NOT_UTF8 : found;
    if (copy instanceof TtsctlError) failures.add(id, copy.message);
    if (copy === null || copy instanceof TtsctlError || (membersOnly && copy.type === "hash")) onStayed?.(id);
    else removals.push({ id, copy });
  }
  const entries = removals.map(({ id }) => ({ ...id, reason }));
  await ledger?.announce(action, entries);
  const outcomes = await mirror.remove(removals);
  outcomes.forEach(
    (outcome, i) => void (outcome instanceof TtsctlError && failures.add(removals[i]!.id, outcome.message)),
  );
  const stayed = removals.filter((_, i) => outcomes[i] !== true).map(({ id }) => id);
  await ledger?.stayed(stayed);
  for (const id of stayed) onStayed?.(id);
  return removals.length - stayed.length;
}

/** Whether nothing has the name of a listed member, because its name isn't UTF-8. */
function isOfAnotherName({ userId, taskId }: TaskId, copy: RedisCopy): boolean {
  return (isUnsure(userId) || isUnsure(taskId)) && isNothing(copy);
}

const NOT_UTF8 = new TtsctlError(
  "REDIS_FAILED",
  "its name there is not UTF-8: only ZREM can remove it (docs/runbook.md)",
);
