import { isRedisError, isStoreError, TtsctlError, throwIfInterrupted } from "../../errors.ts";
import { pool } from "../../pool.ts";
import { batches, IN_FLIGHT } from "../../store/batches.ts";
import type { FileStore } from "../../store/file/file-store.ts";
import { CurrentFile } from "../../store/file/shared-snapshot.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { BATCH, type Outcome } from "../../store/redis/copies.ts";
import { isFatal } from "../../store/redis/errors.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import { type WriteOutcome, writeToMirror } from "../../store/redis/write.ts";
import type { TaskId } from "../../store/task-source.ts";
import { WrittenCopies } from "../../store/written-copies.ts";
import { keyOf } from "../../task/ids.ts";
import type { Task } from "../../task/task.ts";
import type { LedgerAction } from "../ledger.ts";
import type { Parts, RedisParts } from "../parts.ts";
import { NamedWarnings, RETURNED, type Reporter } from "../reporter.ts";
import type { Selection } from "../select.ts";
import { chooseRows, goesIn, MergePlan, type MergePolicy } from "./merge-plan.ts";

/** What becomes of the records of the source; their sum is how many it has. */
export interface MergeCounts {
  /** New in the file. */
  added: number;
  /** In the place of the file's record. */
  replaced: number;
  /** The file has the same already. */
  identical: number;
  /** The file's stays: it is newer. */
  older: number;
  /** The file's stays: its time is the same, its content is not. */
  conflict: number;
  /** The file's stays, as was asked for. */
  present: number;
  /** The service wrote or deleted it during the run, and that is kept. */
  changed: number;
  /** Cannot be put into this file; named. */
  refused: number;
}

export interface MergeOutcome extends MergeCounts {
  /** The ids asked for that the source does not have. */
  readonly missing: string[];
  /** Of those added and replaced, the records that a service which holds the store in memory took out again. */
  returned: readonly TaskId[];
  mirrored: Mirrored;
  /** Why the mirror was left out, or was from some point on; null where it was not, or is off. */
  problem: TtsctlError | null;
}

export interface MergeParts extends Parts<"file" | "mirror" | "reporter" | "signal" | "ledger"> {
  /** Asked before anything is written, with what is planned; throws where the answer is no. */
  confirm?(planned: MergeCounts): Promise<void>;
}

export interface MergeOptions {
  readonly policy: MergePolicy;
  readonly dryRun: boolean;
  /** Which tasks of the source are meant. */
  readonly selection: Selection;
}

/**
 * Puts the records of a source into the store file, and then into the mirror what the file has of them: the file first,
 * in one rewrite, decided on again whenever the file moves; the mirror guarded, and its failure is a value. What was
 * stopped in between is finished by the next run. The caller holds the run lock, unless it is a dry run.
 * @param source any store file, such as a spool; its live rows count. The caller closes it
 * @throws TtsctlError STORE_*, INTERRUPTED, and what `confirm` throws
 */
export async function mergeRecords(parts: MergeParts, source: Snapshot, options: MergeOptions): Promise<MergeOutcome> {
  const { rows, missing } = chooseRows(source, options.selection);
  const plan = new MergePlan(source, rows, options.policy);
  const returned = await writeFile(parts, plan, options);
  const counts = countFates(plan);
  nameProblems(parts.reporter, plan, returned);
  const nothing = { written: 0, unchanged: 0, newer: 0, failed: 0 };
  const { mirror } = parts;
  if (options.dryRun || mirror.kind !== "on") {
    return { ...counts, missing, returned, mirrored: nothing, problem: mirror.kind === "down" ? mirror.error : null };
  }
  const gone = new Set(returned.map(keyOf));
  const mirrored = await mirrorRecords({ ...parts, mirror: mirror.mirror }, source, plan, gone);
  throwIfInterrupted(parts.signal, `the file has the records, Redis ${mirrored.mirrored.written} of them`);
  return { ...counts, missing, returned, ...mirrored };
}

/** The file's part. Returns what was taken out again. */
async function writeFile(parts: MergeParts, plan: MergePlan, options: MergeOptions): Promise<readonly TaskId[]> {
  const base = await parts.file.read(parts.signal);
  try {
    const { upserts } = await plan.on(base, parts.signal);
    if (options.dryRun || upserts.size === 0) return [];
    await parts.confirm?.(countFates(plan));
    throwIfInterrupted(parts.signal, "nothing was written");
    const reason = (row: number) => (plan.fate(row) === "add" ? "added" : "replaced");
    return await putIntoFile(parts, base, plan, { action: "import", reason });
  } finally {
    await base.close();
  }
}

/**
 * Puts a plan into the file in one rewrite, announced in the ledger before.
 * @param base the content that the plan was made on
 * @returns what a service that holds the store in memory took out again
 * @throws TtsctlError STORE_*, LOCK_*, AUDIT_FAILED
 */
export async function putIntoFile(
  { file, signal, ledger }: Pick<MergeParts, "file" | "signal" | "ledger">,
  base: Snapshot,
  plan: MergePlan,
  { action, reason }: { action: LedgerAction; reason(row: number): string },
): Promise<readonly TaskId[]> {
  const announced = ledger === null ? [] : plan.rows.filter((row) => goesIn(plan.fate(row)));
  for (const batch of batches(announced, BATCH)) {
    await ledger?.announce(
      action,
      batch.map((row) => ({ ...plan.id(row), reason: reason(row) })),
    );
  }
  const { returned } = await file.edit((current) => plan.on(current, signal), base);
  const stayed = [...announced].filter((row) => !goesIn(plan.fate(row)));
  await ledger?.stayed(stayed.map((row) => plan.id(row)));
  await ledger?.returned(returned);
  return returned;
}

/**
 * Works on the mirror once the file has what it should have, then follows what the service has changed in the file since.
 * @returns why that ended early: Redis was lost, or the file could not be read again; else null
 */
export async function thenIntoMirror(
  { file, mirror }: { readonly file: FileStore; readonly mirror: Mirror },
  work: (current: CurrentFile, written: WrittenCopies) => Promise<void>,
): Promise<TtsctlError | null> {
  const current = new CurrentFile(file);
  const written = new WrittenCopies();
  try {
    await work(current, written);
    if (written.size > 0) await written.follow(mirror, current);
    return null;
  } catch (error) {
    if (!isRedisError(error) && !isStoreError(error)) throw error;
    return error;
  } finally {
    await current.close();
  }
}

function countFates(plan: MergePlan): MergeCounts {
  const fates = { undecided: 0, add: 0, replace: 0, identical: 0, older: 0, conflict: 0, present: 0 };
  const all = { ...fates, changed: 0, refused: 0 };
  for (const [, fate] of plan.fates()) all[fate]++;
  const { undecided: _, add: added, replace: replaced, ...rest } = all;
  return { added, replaced, ...rest };
}

/** What an operator should look at himself. */
function nameProblems(reporter: Reporter, plan: MergePlan, returned: readonly TaskId[]): void {
  const refused = new NamedWarnings(reporter, "cannot be put into the store file");
  const conflicts = new NamedWarnings(reporter, "stays as the store file has it");
  const back = new NamedWarnings(reporter, "was taken out again");
  for (const [row, fate] of plan.fates()) {
    const { userId, taskId } = plan.id(row);
    if (fate === "refused") refused.add(userId, taskId, REFUSED);
    if (fate === "conflict") conflicts.add(userId, taskId, "the two have the same time and other content");
    if (fate === "changed") conflicts.add(userId, taskId, "the service changed or deleted it during the run");
  }
  for (const { userId, taskId } of returned) back.add(userId, taskId, RETURNED);
  for (const named of [refused, conflicts, back]) named.end();
}

const REFUSED = "an invalid record of the task is there, or its field deleted would end the task in JSON Lines";

/** What became in the mirror of records that the file has. */
interface Mirrored {
  written: number;
  unchanged: number;
  /** Redis has a newer copy, which stays. */
  newer: number;
  /** Named. */
  failed: number;
}

type MirrorParts = RedisParts<"file" | "reporter" | "signal">;

/**
 * Writes to the mirror the records that the file has now as the source has them, guarded: those that went in, and those
 * that were in it, since an earlier run may have been stopped in between. Where Redis is lost, or the source cannot be
 * read any more, the rest is left out, and why is returned.
 */
async function mirrorRecords(
  parts: MirrorParts,
  source: Snapshot,
  plan: MergePlan,
  except: ReadonlySet<string>,
): Promise<{ mirrored: Mirrored; problem: TtsctlError | null }> {
  const mirrored: Mirrored = { written: 0, unchanged: 0, newer: 0, failed: 0 };
  const failures = new NamedWarnings(parts.reporter, "is in the file, but could not be written to Redis");
  const rows = rowsInFile(plan, except);
  const writeBatch = async (batch: number[], written: WrittenCopies) => {
    const tasks = await source.readTasks(batch);
    const replaced = batch.map((row) => (plan.fate(row) === "replace" ? plan.replaced(row) : Number.NaN));
    const outcomes = await writeToMirror(parts.mirror, tasks, { replaced, written });
    for (const [i, task] of tasks.entries()) count(mirrored, failures, task, outcomes[i]!);
    parts.reporter.progress("writing to Redis", sum(mirrored), source.size);
  };
  try {
    const problem = await thenIntoMirror(parts, (_, written) =>
      pool(batches(rows, BATCH), IN_FLIGHT, (batch) => writeBatch(batch, written), parts.signal),
    );
    return { mirrored, problem };
  } finally {
    failures.end();
  }
}

function* rowsInFile(plan: MergePlan, except: ReadonlySet<string>): Generator<number> {
  for (const [row, fate] of plan.fates()) {
    if (!goesIn(fate) && fate !== "identical") continue;
    if (except.size === 0 || !except.has(keyOf(plan.id(row)))) yield row;
  }
}

/** @throws TtsctlError one that would meet every other task too */
function count(mirrored: Mirrored, failures: NamedWarnings, task: Task, outcome: Outcome<WriteOutcome>): void {
  if (outcome instanceof TtsctlError) {
    if (isFatal(outcome)) throw outcome;
    mirrored.failed++;
    failures.add(task.userId, task.taskId, outcome.message);
  } else mirrored[outcome === "mended" ? "written" : outcome]++;
}

function sum({ written, unchanged, newer, failed }: Mirrored): number {
  return written + unchanged + newer + failed;
}
