import { isRedisError, isStoreError, type TtsctlError, throwIfInterrupted } from "../../errors.ts";
import { batches } from "../../pool.ts";
import type { Changes } from "../../store/file/changes.ts";
import type { Applied } from "../../store/file/file-store.ts";
import { CurrentFile } from "../../store/file/shared-snapshot.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { BATCH } from "../../store/redis/copies.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { Writable } from "../../store/writable.ts";
import { WrittenCopies } from "../../store/written-copies.ts";
import type { LedgerAction, LedgerEntry } from "../ledger.ts";
import type { Parts, RedisParts } from "../parts.ts";
import type { Cleared } from "../preflight.ts";
import { NamedWarnings, RETURNED } from "../reporter.ts";
import type { MergeCounts, MergePlan } from "./merge-plan.ts";

export interface MergeParts extends Parts<"reporter" | "signal" | "ledger">, Pick<Cleared, "file"> {
  /** Asks before anything is written; throws if declined. */
  confirm?(planned: MergeCounts): Promise<void>;
}

/**
 * Puts the records of a plan into the store file, and warns of those that were left out.
 * @param base the content that it was made for: a task that is deleted after it isn't added again
 * @returns the records that a service which holds the store in memory took out again
 */
export async function mergeIntoFile(
  parts: MergeParts,
  plan: MergePlan,
  base: Snapshot,
  dryRun = false,
): Promise<readonly TaskId[]> {
  let returned: readonly TaskId[] = [];
  const { done } = plan.goingIn().next();
  if (!dryRun && !done) {
    await parts.confirm?.(plan.counts());
    throwIfInterrupted(parts.signal, "nothing was written");
    const entryOf = (row: number) => ({ ...plan.id(row), reason: plan.fate(row)! });
    const applied = await applyToFile(parts, plan.changes(base), "import", { items: plan.goingIn(), entryOf });
    plan.leave(applied.changed);
    returned = applied.returned;
  }
  const refused = new NamedWarnings(parts.reporter, "cannot be put into the store file");
  const kept = new NamedWarnings(parts.reporter, "is kept as in the store file");
  for (const row of plan.of("refused")) refused.add(plan.id(row), REFUSED);
  for (const row of plan.of("conflict"))
    kept.add(plan.id(row), "the two records have the same time but different content");
  for (const row of plan.of("changed")) kept.add(plan.id(row), "the service changed or deleted it during the run");
  refused.end();
  kept.end();
  new NamedWarnings(parts.reporter, "was put into the file, but the service undid that").addAll(returned, RETURNED);
  return returned;
}

const REFUSED =
  'the file has an invalid record of the task, or the "deleted" field of the record would delete the task';

/**
 * Makes changes in one rewrite of the file, after announcing them in the ledger.
 * @throws TtsctlError STORE_*, LOCK_*, AUDIT_FAILED
 */
export async function applyToFile<T>(
  { file, ledger }: Parts<"ledger"> & Pick<Cleared, "file">,
  changes: Changes,
  action: LedgerAction,
  { items, entryOf }: { readonly items: Iterable<T>; readonly entryOf: (item: T) => LedgerEntry },
): Promise<Applied> {
  if (ledger !== null) {
    for (const batch of batches(items, BATCH)) await ledger.announce(action, batch.map(entryOf));
  }
  const applied = await file.apply(changes);
  await ledger?.stayed(applied.changed);
  await ledger?.returned(applied.returned);
  return applied;
}

/**
 * Writes to Redis, then follows what the service has changed in the file since, and names the tasks whose older record it
 * put back.
 * @returns problem: why that ended early, a failure of Redis or of the file; else null
 */
export async function thenIntoMirror(
  {
    file,
    mirror,
    reporter,
    ledger,
  }: RedisParts<"file" | "reporter" | "ledger"> & { readonly mirror: Writable<Mirror> },
  work: (current: CurrentFile, written: WrittenCopies) => Promise<void>,
): Promise<{ problem: TtsctlError | null; returned: readonly TaskId[] }> {
  await using current = new CurrentFile(file);
  const written = new WrittenCopies();
  try {
    await work(current, written);
    const returned = written.size > 0 ? await written.follow(mirror, current) : [];
    new NamedWarnings(reporter, "was written back").addAll(returned, RETURNED);
    await ledger?.returned(returned);
    return { problem: null, returned };
  } catch (error) {
    if (!isRedisError(error) && !isStoreError(error)) throw error;
    return { problem: error, returned: [] };
  }
}
