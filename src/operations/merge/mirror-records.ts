import { isRedisError, isStoreError, TtsctlError } from "../../errors.ts";
import { pool } from "../../pool.ts";
import { batches, IN_FLIGHT } from "../../store/batches.ts";
import { CurrentFile } from "../../store/file/current-file.ts";
import type { FileStore } from "../../store/file/file-store.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { BATCH, type Outcome } from "../../store/redis/copies.ts";
import { isFatal } from "../../store/redis/errors.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import { type WriteOutcome, writeToMirror } from "../../store/redis/write.ts";
import { WrittenCopies } from "../../store/written-copies.ts";
import { keyOf } from "../../task/ids.ts";
import type { Task } from "../../task/task.ts";
import { NamedWarnings, type Reporter } from "../reporter.ts";
import { goesIn } from "./decide.ts";
import type { MergePlan } from "./merge-plan.ts";

/** What became in the mirror of records that the file has. */
export interface Mirrored {
  written: number;
  unchanged: number;
  /** Redis has a newer copy, which stays. */
  newer: number;
  /** Named. */
  failed: number;
}

export interface MirrorParts {
  readonly file: FileStore;
  readonly mirror: Mirror;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

/**
 * Writes to the mirror the records that the file has now as the source has them, guarded: those that went in, and those
 * that were in it, since an earlier run may have been stopped in between. Where Redis is lost, or the source cannot be
 * read any more, the rest is left out, and why is returned.
 */
export async function mirrorRecords(
  parts: MirrorParts,
  source: Snapshot,
  plan: MergePlan,
  except: ReadonlySet<string>,
): Promise<{ mirrored: Mirrored; problem: TtsctlError | null }> {
  const mirrored: Mirrored = { written: 0, unchanged: 0, newer: 0, failed: 0 };
  const failures = new NamedWarnings(parts.reporter, "is in the file, but could not be written to Redis");
  const rows = rowsInFile(plan, except);
  const written = new WrittenCopies();
  const file = new CurrentFile(parts.file);
  const writeBatch = async (batch: number[]) => {
    const tasks = await source.readTasks(batch);
    const replaced = batch.map((row) => (plan.fate(row) === "replace" ? plan.replaced(row) : Number.NaN));
    const outcomes = await writeToMirror(parts.mirror, tasks, { replaced, written });
    for (const [i, task] of tasks.entries()) count(mirrored, failures, task, outcomes[i]!);
    parts.reporter.progress("writing to Redis", sum(mirrored), source.size);
  };
  try {
    await pool(batches(rows, BATCH), IN_FLIGHT, writeBatch, parts.signal);
    if (written.size > 0) await written.follow(parts.mirror, file);
    return { mirrored, problem: null };
  } catch (error) {
    if (!isRedisError(error) && !isStoreError(error)) throw error;
    return { mirrored, problem: error };
  } finally {
    failures.end();
    await file.close();
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
