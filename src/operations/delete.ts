import type { TaskFilter } from "../task/query-fields.ts";
import { isUnfinished } from "../task/status.ts";
import { checkBrake, type MaxDelete, type PlanSummary } from "./brake.ts";
import type { CleanupParts } from "./cleanup.ts";
import { type Copies, copyPasses, existing, INVALID_RECORD, newestCopy, notChosen } from "./copies.ts";
import { preflight } from "./preflight.ts";
import { type PurgePolicy, purgeOf } from "./purge/purge.ts";
import { recoverArtifacts } from "./purge/purge-artifacts.ts";
import type { Decision } from "./purge/rules.ts";
import { missingOf, type Refused, type Selection, select } from "./select.ts";

export interface DeleteOptions {
  readonly dryRun: boolean;
  readonly force: boolean;
  readonly maxDelete: MaxDelete;
  readonly allowEmpty: boolean;
  /** Seconds: empty directories that last changed longer ago are removed too. */
  readonly retention: number;
}

export type DeleteResult = Awaited<ReturnType<typeof deleteTasks>>["result"];

/** A chosen task is deleted, unless it may still be worked on. The newest copy decides whether it was chosen. */
export function decideDelete(copies: Copies, filter: TaskFilter, force: boolean): Decision {
  const keep = (reason: string) => ({ kind: "keep", reason, candidate: true }) as const;
  const present = existing(copies);
  if (copies.file === "invalid") return keep(INVALID_RECORD);
  if (present.length === 0)
    return copies.mirror === "dangling" ? { kind: "purge", reason: "dangling" } : { kind: "gone" };
  // A copy without a time may be the newer one.
  const newest = present.find(({ time }) => Number.isNaN(time)) ?? newestCopy(copies)!;
  if (!copyPasses(newest, filter)) return keep(notChosen(copies, newest));
  const working = force ? undefined : [newest, ...present].find(({ status }) => isUnfinished(status));
  if (working === undefined) return { kind: "purge", reason: "deleted" };
  const whose = working === newest ? "its status" : "the status of its other copy";
  return { ...keep(`${whose} is ${working.status}, so it may still be worked on`), unfinished: true };
}

export interface DeleteParts extends CleanupParts {
  /** Asks before anything is deleted; throws if declined. */
  confirm(plan: PlanSummary): Promise<void>;
}

/** Deletes chosen tasks with their artifacts, as a cleanup does. Unless it is a dry run, the caller holds the run lock. @throws TtsctlError, as a cleanup */
export async function deleteTasks(
  parts: DeleteParts,
  selection: Selection,
  { dryRun, force, retention, maxDelete, allowEmpty }: DeleteOptions,
) {
  await using snapshot = await parts.file.read(parts.signal);
  const { file, use } = await preflight(parts, "delete", { snapshot, age: selection.age, allowEmpty, dryRun });
  if (!dryRun) recoverArtifacts(parts);
  const found = await use.attempt((mirror) => select(snapshot, mirror, selection));
  const now = parts.clock.now();
  const refused: Refused[] = [];
  const policy: PurgePolicy = {
    now,
    sweepBefore: now - Math.max(retention, 0),
    ...{ dryRun, filter: selection.filter, doing: "deleting" },
    decide: ({ copies }) => decideDelete(copies, selection.filter, force),
    onKept: ({ userId: user_id, taskId: task_id }, reason, unfinished) =>
      void refused.push({ user_id, task_id, reason, ...(unfinished && { unfinished }) }),
  };
  const purge = purgeOf({ ...parts, file, mirror: use }, policy, snapshot, found);
  const plan = await purge.plan();
  checkBrake(plan.count, Math.max(snapshot.size, found.members), maxDelete);
  if (plan.count > 0) await purge.check();
  if (plan.count > 0 && !dryRun) await parts.confirm(plan);
  const stopped = await purge.run();
  const { counts, gone } = purge.tally;
  const { purged: deleted, failed, returned, files, bytes } = counts;
  const missing = missingOf(selection, gone);
  const requested = found.rows.length + found.others.size + missing.length - gone.length;
  /** `delete -o json` (docs/contract.md, Commands); in a dry run with the statuses of the tasks to delete. */
  const result = { requested, deleted, missing, refused, failed, returned, files, bytes, dryRun };
  return { result: { ...result, ...(dryRun && { byStatus: plan.counts }) }, problem: stopped ?? use.lost };
}
