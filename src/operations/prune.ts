import { TtsctlError } from "../errors.ts";
import { batches } from "../pool.ts";
import { CurrentFile } from "../store/file/shared-snapshot.ts";
import { isNothing } from "../store/layout/copy.ts";
import { BATCH, type GuardedRemoval } from "../store/redis/copies.ts";
import { isUnsure } from "../store/redis/walk.ts";
import type { TaskId } from "../task/ids.ts";
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
export async function pruneOrphans(
  parts: PruneParts,
  { ids, count, action, reason, membersOnly = false, onStayed }: Orphans,
): Promise<{ pruned: number; failed: number }> {
  const { mirror, ledger, reporter, signal } = parts;
  const failures = new NamedWarnings(reporter, "could not be removed from Redis");
  await using file = new CurrentFile(parts.file);
  let pruned = 0;
  for (const batch of batches(ids, BATCH)) {
    if (signal.aborted) break;
    // The file is read after Redis: what the service writes in between, file first, is then in the file, or its copy has changed.
    const copies = await mirror.copies(batch, "state");
    const snapshot = await file.snapshot();
    const removals: GuardedRemoval[] = [];
    batch.forEach((id, i) => {
      const found = copies[i]!;
      const isKept = snapshot.holds(id);
      // Nothing has the name of a listed member if its name isn't UTF-8.
      const mayBeOther = isUnsure(id.userId) || isUnsure(id.taskId);
      const copy = mayBeOther && !(found instanceof TtsctlError) && isNothing(found) ? NOT_UTF8 : found;
      if (!isKept && copy instanceof TtsctlError) failures.add(id, copy.message);
      if (isKept || copy instanceof TtsctlError || (membersOnly && copy.type === "hash")) onStayed?.(id);
      else removals.push({ id, seen: copy });
    });
    const entries = removals.map(({ id }) => ({ ...id, reason }));
    await ledger?.announce(action, entries);
    const outcomes = await mirror.remove(removals);
    for (const [i, outcome] of outcomes.entries()) {
      if (outcome instanceof TtsctlError) failures.add(removals[i]!.id, outcome.message);
    }
    const stayed = removals.filter((_, i) => outcomes[i] !== true).map(({ id }) => id);
    await ledger?.stayed(stayed);
    for (const id of stayed) onStayed?.(id);
    pruned += removals.length - stayed.length;
    reporter.progress("pruning", pruned, count);
  }
  failures.end();
  return { pruned, failed: failures.count };
}

const NOT_UTF8 = new TtsctlError(
  "REDIS_FAILED",
  "its name there is not UTF-8: only ZREM can remove it (docs/runbook.md)",
);
