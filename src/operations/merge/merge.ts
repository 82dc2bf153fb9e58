import { isRedisError, isStoreError, type TtsctlError, throwIfInterrupted } from "../../errors.ts";
import { batches, IN_FLIGHT, pool } from "../../pool.ts";
import type { FileStore } from "../../store/file/file-store.ts";
import { CurrentFile } from "../../store/file/shared-snapshot.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { BATCH } from "../../store/redis/copies.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import { differingFrom, writeToMirror } from "../../store/redis/write.ts";
import type { TaskId } from "../../store/task-source.ts";
import { WrittenCopies } from "../../store/written-copies.ts";
import { keyOf } from "../../task/ids.ts";
import type { Task } from "../../task/task.ts";
import type { LedgerAction } from "../ledger.ts";
import type { Parts, RedisParts } from "../parts.ts";
import { NamedWarnings, RETURNED, type Reporter } from "../reporter.ts";
import type { Selection } from "../select.ts";
import { chooseRows, type MergeCounts, MergePlan, type MergePolicy } from "./merge-plan.ts";

export interface MergeOutcome extends MergeCounts {
  /** The chosen ids that the source lacks. */
  readonly missing: string[];
  /** The records that went in, and that a service which holds the store in memory took out again. */
  readonly returned: readonly TaskId[];
  readonly mirrored: Mirrored;
  /** Why Redis lacks records; null if it doesn't, or is off. */
  readonly problem: TtsctlError | null;
}

export interface MergeParts extends Parts<"file" | "mirror" | "reporter" | "signal" | "ledger"> {
  /** Asks before anything is written; throws if the answer is no. */
  confirm?(planned: MergeCounts): Promise<void>;
}

export interface MergeOptions {
  readonly policy: MergePolicy;
  readonly dryRun: boolean;
  readonly selection: Selection;
}

/**
 * Puts the records of a source into the store file, in one rewrite, and then those that the file has into Redis. A failure of
 * Redis is a value. If it is stopped in between, the next run finishes it. The caller holds the run lock, unless it is a
 * dry run.
 * @param source any store file, such as a spool; the caller closes it
 * @throws TtsctlError STORE_*, INTERRUPTED, and what `confirm` throws
 */
export async function mergeRecords(parts: MergeParts, source: Snapshot, options: MergeOptions): Promise<MergeOutcome> {
  const { rows, missing } = chooseRows(source, options.selection);
  const plan = new MergePlan(source, rows, options.policy);
  let returned: readonly TaskId[];
  {
    await using base = await parts.file.read(parts.signal); // closed then: the rest may take long
    returned = await mergeIntoFile(parts, plan, base, options.dryRun);
  }
  const outcome = { ...plan.counts(), missing, returned };
  const { mirror } = parts;
  const mirrored: Mirrored = { written: 0, unchanged: 0, newer: 0, failed: 0 };
  if (options.dryRun || mirror.kind !== "on") {
    return { ...outcome, mirrored, problem: mirror.kind === "down" ? mirror.error : null };
  }
  const which = { except: new Set(returned.map(keyOf)), replaces: options.policy === "replace" };
  const problem = await mirrorRecords({ ...parts, mirror: mirror.mirror }, source, plan, which, mirrored);
  throwIfInterrupted(parts.signal, `the file has the records, Redis ${mirrored.written} of them`);
  return { ...outcome, mirrored, problem };
}

/**
 * Puts the records of a plan into the store file, and names those that an operator should look at.
 * @param base a content of the file: what is deleted after it isn't added again
 * @returns the records that a service that holds the store in memory took out again
 */
export async function mergeIntoFile(
  parts: Omit<MergeParts, "mirror">,
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
  nameProblems(parts.reporter, plan, returned);
  return returned;
}

/**
 * Carries out a plan in one rewrite of the file, after announcing it in the ledger.
 * @param base the content that the plan was made for
 * @returns what a service that holds the store in memory took out again
 * @throws TtsctlError STORE_*, LOCK_*, AUDIT_FAILED
 */
export async function putIntoFile(
  { file, signal, ledger }: Pick<MergeParts, "file" | "signal" | "ledger">,
  base: Snapshot,
  plan: MergePlan,
  { action, reason }: { action: LedgerAction; reason(row: number): string },
): Promise<readonly TaskId[]> {
  const announced = ledger === null ? [] : [...plan.of("added", "replaced")];
  for (const batch of batches(announced, BATCH)) {
    await ledger?.announce(
      action,
      batch.map((row) => ({ ...plan.id(row), reason: reason(row) })),
    );
  }
  const { returned } = await file.edit((current) => plan.on(current, signal), base);
  await ledger?.stayed(announced.filter((row) => !plan.goesIn(row)).map((row) => plan.id(row)));
  await ledger?.returned(returned);
  return returned;
}

/**
 * Writes to Redis, then follows what the service has changed in the file since.
 * @returns why that ended early: Redis was lost, or the file could not be read again; else null
 */
export async function thenIntoMirror(
  { file, mirror }: { readonly file: FileStore; readonly mirror: Mirror },
  work: (current: CurrentFile, written: WrittenCopies) => Promise<void>,
): Promise<TtsctlError | null> {
  await using current = new CurrentFile(file);
  const written = new WrittenCopies();
  try {
    await work(current, written);
    if (written.size > 0) await written.follow(mirror, current);
    return null;
  } catch (error) {
    if (!isRedisError(error) && !isStoreError(error)) throw error;
    return error;
  }
}

/** Names the records that an operator should look at. */
function nameProblems(reporter: Reporter, plan: MergePlan, returned: readonly TaskId[]): void {
  const refused = new NamedWarnings(reporter, "cannot be put into the store file");
  const kept = new NamedWarnings(reporter, "stays as the store file has it");
  for (const row of plan.of("refused")) refused.add(plan.id(row), REFUSED);
  for (const row of plan.of("conflict")) kept.add(plan.id(row), "the two have the same time and other content");
  for (const row of plan.of("changed")) kept.add(plan.id(row), "the service changed or deleted it during the run");
  refused.end();
  kept.end();
  new NamedWarnings(reporter, "was taken out again").addAll(returned, RETURNED);
}

const REFUSED = "an invalid record of the task is there, or its field deleted would end the task in JSON Lines";

/** Outcomes of writes to Redis. */
interface Mirrored {
  written: number;
  unchanged: number;
  /** Redis has a newer copy, which is kept. */
  newer: number;
  failed: number;
}

type MirrorParts = RedisParts<"file" | "reporter" | "signal">;

/**
 * Writes to Redis the records that the file has as the source has them, also those that it had before: an earlier run may
 * have been stopped in between.
 * @param replaces whether they also replace other content of the same time
 * @returns why the rest was left out, or null
 */
async function mirrorRecords(
  parts: MirrorParts,
  source: Snapshot,
  plan: MergePlan,
  { except, replaces }: { except: ReadonlySet<string>; replaces: boolean },
  mirrored: Mirrored,
): Promise<TtsctlError | null> {
  const failures = new NamedWarnings(parts.reporter, "is in the file, but could not be written to Redis");
  const rows = plan.of("added", "replaced", "identical");
  const due = except.size === 0 ? rows : [...rows].filter((row) => !except.has(keyOf(plan.id(row))));
  const writeBatch = async (batch: number[], written: WrittenCopies) => {
    const tasks = await source.readTasks(batch);
    const replaced = batch.map((row) => plan.replacedTime(row));
    const differing = replaces ? await differingFrom(parts.mirror, tasks) : new Set<Task>();
    const overEqual = (task: Task) => differing.has(task);
    const outcomes = await writeToMirror(parts.mirror, tasks, { replaced, overEqual, written });
    for (const outcome of outcomes) {
      if (typeof outcome === "string") mirrored[outcome === "mended" ? "written" : outcome]++;
    }
    failures.addErrors(outcomes, (i) => tasks[i]!);
    const { written: done, unchanged, newer } = mirrored;
    parts.reporter.progress("writing to Redis", done + unchanged + newer + failures.count, source.size);
  };
  try {
    return await thenIntoMirror(parts, (_, written) =>
      pool(batches(due, BATCH), IN_FLIGHT, (batch) => writeBatch(batch, written), parts.signal),
    );
  } finally {
    mirrored.failed = failures.count;
    failures.end();
  }
}
