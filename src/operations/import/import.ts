import { throwIfInterrupted } from "../../errors.ts";
import { batches, IN_FLIGHT, pool } from "../../pool.ts";
import type { Applied } from "../../store/file/file-store.ts";
import { passingRows } from "../../store/file/file-tasks.ts";
import { STATUS_CODES } from "../../store/file/rows.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { BATCH } from "../../store/redis/copies.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import { writeToMirror } from "../../store/redis/write.ts";
import type { Writable } from "../../store/writable.ts";
import type { WrittenCopies } from "../../store/written-copies.ts";
import { counted } from "../../task/amounts.ts";
import { keyOf } from "../../task/ids.ts";
import { givenName } from "../../task/query-fields.ts";
import {
  type MergeParts,
  type MergePlan,
  type MergePolicy,
  mergeIntoFile,
  planMerge,
  thenIntoMirror,
} from "../merge/merge.ts";
import type { Parts } from "../parts.ts";
import { type Cleared, preflight } from "../preflight.ts";
import { isExpired, type Limits } from "../purge/rules.ts";
import { NamedWarnings } from "../reporter.ts";
import type { Selection } from "../select.ts";
import type { Source } from "./read-source.ts";

export interface ImportOptions {
  readonly policy: MergePolicy;
  readonly dryRun: boolean;
  /** Bad lines are left out; without it nothing is imported then. */
  readonly skipInvalid: boolean;
  readonly selection: Selection;
  /** When tasks expire, to warn of those that a cleanup would purge; null: never. */
  readonly limits: Limits | null;
}

export type ImportResult = Awaited<ReturnType<typeof importRecords>>["result"];

/**
 * Puts the records of an input into the store file, in one rewrite, and then those that the file has into Redis. With a bad line nothing
 * is written. If it is stopped in between, the next run finishes it. The caller holds the run lock, unless it is a dry run, and closes the
 * source. @returns problem: why Redis lacks records @throws TtsctlError, before the first change; INTERRUPTED
 */
export async function importRecords(
  parts: Parts<"file" | "mirror" | "clock" | "reporter" | "signal" | "ledger"> & Pick<MergeParts, "confirm">,
  { records, bad }: Source,
  { policy, dryRun, skipInvalid, selection, limits }: ImportOptions,
) {
  const started = parts.clock.monotonic();
  if (bad.count > 1 || skipInvalid) bad.warn(parts.reporter);
  if (bad.count > 0 && !skipInvalid) throw bad.error();
  const { rows, missing } = await chooseRows(records, selection);
  let plan: MergePlan;
  let applied: Applied;
  let cleared: Cleared;
  {
    await using base = await parts.file.read(parts.signal); // closed early: the rest may take long
    cleared = await preflight(parts, "import", { snapshot: base, input: records, dryRun });
    plan = await planMerge(records, rows, policy, base, parts.signal);
    const versionOf = (row: number) => {
      return { status: STATUS_CODES[records.rows.status(row)]!, time: records.rows.score(row) };
    };
    const willExpire = limits === null ? [] : [...plan.goingIn()].filter((row) => isExpired(versionOf(row), limits));
    const tasks = counted(willExpire.length, "task");
    if (willExpire.length > 0)
      parts.reporter.warn(`past their retention, so the next cleanup may purge them: ${tasks}`);
    applied = await mergeIntoFile({ ...parts, file: cleared.file }, plan, base, dryRun);
  }
  const { mirror, lost } = cleared.use;
  const failures = new NamedWarnings(parts.reporter, "is in the file, but could not be written to Redis");
  /** Outcomes of writes to Redis; a newer copy there is kept. */
  const mirrored = { written: 0, unchanged: 0, newer: 0, failed: 0 };
  let late: Awaited<ReturnType<typeof thenIntoMirror>> = { problem: lost, returned: [] };
  if (!dryRun && mirror !== null) {
    late = await mirrorRecords(mirror).finally(() => failures.end());
    mirrored.failed = failures.count;
    const taken = applied.returned.length;
    const lacks = taken > 0 && `the service took ${counted(taken, "record")} out of the file again`;
    throwIfInterrupted(
      parts.signal,
      `${lacks || "the file is complete"}; records written to Redis: ${mirrored.written}`,
    );
  }
  const counts = plan.counts();
  const { added, replaced, identical, conflict, refused } = counts;
  const kept = counts.older + conflict + counts.present + counts.changed;
  /** `import -o json`: records = added + replaced + identical + kept + refused. */
  const result = {
    records: added + replaced + identical + kept + refused,
    added,
    replaced,
    identical,
    /** The store file's record is kept; of those, `conflicts` have the same time and other content. */
    kept,
    conflicts: conflict,
    refused,
    /** Records that a service which holds the store in memory took out again. */
    returned: applied.returned.length + late.returned.length,
    /** Lines of the input that hold no valid record. */
    invalid: bad.count,
    /** The chosen ids that the input lacks. */
    missing,
    newerInRedis: mirrored.newer,
    /** Records that are in the file and could not be written to Redis. */
    failed: mirrored.failed,
    dryRun,
    durationMs: Math.round((parts.clock.monotonic() - started) * 1000),
  };
  return { result, counts, mirrored, problem: late.problem };

  /** Writes to Redis the records of the source that the file has. `replace` also replaces other content of the same time. */
  async function mirrorRecords(mirror: Writable<Mirror>) {
    const left = new Set(applied.returned.map(keyOf));
    const rows = [...plan.of("added", "replaced", "identical")];
    const due = left.size === 0 ? rows : rows.filter((row) => !left.has(keyOf(plan.id(row))));
    const writeBatch = async (batch: number[], written: WrittenCopies) => {
      const tasks = await records.readTasks(batch);
      const replaced = batch.map((row) => plan.replacedTime(row));
      const outcomes = await writeToMirror(mirror, tasks, { replaced, overEqual: policy === "replace", written });
      for (const [i, row] of batch.entries()) {
        if (outcomes[i] === "unchanged" && plan.fate(row) !== "identical") written.note(tasks[i]!);
      }
      for (const outcome of outcomes) {
        if (typeof outcome === "string") mirrored[outcome === "reindexed" ? "written" : outcome]++;
      }
      failures.addErrors(outcomes, (i) => tasks[i]!);
      const { written: done, unchanged, newer } = mirrored;
      parts.reporter.progress("writing to Redis", done + unchanged + newer + failures.count, records.size);
    };
    return thenIntoMirror({ ...parts, mirror }, applied, (_, written) =>
      pool(batches(due, BATCH), IN_FLIGHT, (batch) => writeBatch(batch, written), parts.signal),
    );
  }
}

/** The chosen rows of a source, ascending, and the chosen ids that it lacks. */
async function chooseRows(source: Snapshot, { filter, ids }: Selection) {
  const rows = await passingRows(source, filter);
  if (ids === null) return { rows, missing: [] };
  const found = new Set(ids.map((id) => source.rowOf(id)));
  const missing = ids.filter((id) => source.rowOf(id) < 0).map((id) => givenName(id, filter));
  return { rows: rows.filter((row) => found.has(row)), missing };
}
