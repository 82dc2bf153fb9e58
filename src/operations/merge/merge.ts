import { isRedisError, isStoreError, type TtsctlError, throwIfInterrupted } from "../../errors.ts";
import { batches } from "../../pool.ts";
import { CurrentFile } from "../../store/file/shared-snapshot.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { BATCH } from "../../store/redis/copies.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { Writable } from "../../store/writable.ts";
import { WrittenCopies } from "../../store/written-copies.ts";
import type { LedgerAction } from "../ledger.ts";
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
 * @param base as for `putIntoFile`: a task that is deleted after it isn't added again
 * @returns as `putIntoFile`
 */
export async function mergeIntoFile(
  parts: MergeParts,
  plan: MergePlan,
  base: Snapshot,
  dryRun = false,
): Promise<readonly TaskId[]> {
  const { upserts } = await plan.on(base, parts.signal);
  let returned: readonly TaskId[] = [];
  if (!dryRun && upserts.size > 0) {
    await parts.confirm?.(plan.counts());
    throwIfInterrupted(parts.signal, "nothing was written");
    returned = await putIntoFile(parts, base, plan, { action: "import", reason: (row) => plan.fate(row)! });
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
 * Carries out a plan in one rewrite of the file, after announcing it in the ledger.
 * @param base the content that the plan was made for
 * @returns the records that a service which holds the store in memory took out again
 * @throws TtsctlError STORE_*, LOCK_*, AUDIT_FAILED
 */
export async function putIntoFile(
  { file, signal, ledger }: Parts<"signal" | "ledger"> & Pick<Cleared, "file">,
  base: Snapshot,
  plan: MergePlan,
  { action, reason }: { action: LedgerAction; reason(row: number): string },
): Promise<readonly TaskId[]> {
  const announced = ledger === null ? [] : [...plan.of("added", "replaced")];
  for (const batch of batches(announced, BATCH)) {
    const entries = batch.map((row) => ({ ...plan.id(row), reason: reason(row) }));
    await ledger?.announce(action, entries);
  }
  const { returned } = await file.edit((current) => plan.on(current, signal), base);
  await ledger?.stayed(announced.filter((row) => !plan.goesIn(row)).map((row) => plan.id(row)));
  await ledger?.returned(returned);
  return returned;
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
