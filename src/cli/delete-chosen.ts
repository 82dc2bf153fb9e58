import { isRedisError, type TtsctlError } from "../errors.ts";
import type { MaxDelete } from "../operations/brake.ts";
import type { DeleteParts, DeleteResult } from "../operations/delete.ts";
import { throwIfInterrupted } from "../operations/pool.ts";
import type { Selection } from "../operations/select.ts";
import type { LedgerRun } from "../parts/ledger.ts";
import type { Context } from "./context.ts";
import { DONE, PARTLY } from "./emit.ts";
import { openPurge } from "./purging.ts";

/** How chosen tasks are deleted. */
export interface DeletionFlags {
  readonly force: boolean;
  readonly dryRun: boolean;
  readonly backup?: string;
  readonly maxDelete?: MaxDelete;
  readonly allowEmpty: boolean;
}

/** Which tasks, who keeps the ledger, and who is asked. */
interface Deletion extends Pick<DeleteParts, "confirm"> {
  readonly selection: Selection;
  readonly ledger: LedgerRun | null;
}

export interface DeletionOutcome {
  readonly result: DeleteResult;
  /** What stopped it halfway, or why Redis was left out. */
  readonly problem: TtsctlError | null;
}

/**
 * Deletes chosen tasks, with what that needs opened for it and the run lock held until the context is released.
 * @throws TtsctlError as `deleteTasks`, LOCK_TIMEOUT, ARTIFACTS_UNSAFE
 */
export async function deleteChosen(
  context: Context,
  flags: DeletionFlags,
  { selection, ledger, confirm }: Deletion,
): Promise<DeletionOutcome> {
  const { deleteTasks } = await import("../operations/delete.ts");
  const parts = { ...(await openPurge(context, flags, ledger)), confirm };
  const { dryRun, force, allowEmpty } = flags;
  const retention = (await context.settings()).cleanup.retention.value;
  const options = { dryRun, force, allowEmpty, retention, maxDelete: flags.maxDelete ?? null };
  const { result, problem } = await deleteTasks(parts, selection, options);
  ledger?.count(result);
  await parts.drain();
  return { result, problem };
}

/** Also warns of a Redis that was left out. @throws TtsctlError INTERRUPTED, and what stopped the deletion halfway */
export function deletionExitCode(context: Context, { result, problem }: DeletionOutcome): number {
  throwIfInterrupted(context.signal, `${result.deleted} tasks were deleted`);
  if (problem !== null && !isRedisError(problem)) throw problem;
  if (problem !== null) context.reporter.warn(`${problem.message}: ${withoutRedis(result)}`);
  const partly = result.missing.length + result.refused.length + result.failed + result.returned > 0;
  return partly || problem !== null ? PARTLY : DONE;
}

function withoutRedis({ dryRun }: DeleteResult): string {
  if (dryRun) return "the plan is of the store file alone; a run like this would leave what Redis holds of the tasks";
  return "what Redis holds of the tasks stays; run the command again when it is back";
}
