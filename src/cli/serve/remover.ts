import { isRedisError } from "../../errors.ts";
import type { Deletion, Removal } from "../../http/parts.ts";
import { audited } from "../../parts/audited.ts";
import type { Removal as MirrorRemoval } from "../../store/redis/remove.ts";
import type { TaskId } from "../../store/task-source.ts";
import { ofUser } from "../../task/filter.ts";
import { toMicros } from "../../task/time.ts";
import type { Context } from "../context.ts";
import { type DeletionOutcome, deleteChosen, deletionExitCode } from "../delete-chosen.ts";

/** Receives a task that was deleted from the file, and not from Redis. */
type OnLeft = (removal: MirrorRemoval) => void;

/**
 * Deletes single tasks as `ttsctl delete --yes` does: with the run lock, the ledger, and a configuration that says where.
 * One after the other, so that many at once do not wait for the lock until they give up.
 */
export function remover(context: Context, onLeft: OnLeft): (deletion: Deletion) => Promise<Removal> {
  let last: Promise<unknown> = Promise.resolve();
  return (deletion) => {
    const next = last.then(() => remove(context, deletion, onLeft));
    last = next.catch(() => {});
    return next;
  };
}

async function remove(context: Context, { id, force, request }: Deletion, onLeft: OnLeft): Promise<Removal> {
  // What is told of a deleted task goes to the log: stdout is nobody's answer here.
  const fork = context.fork(await context.settings(), { flags: { output: "json" }, request });
  try {
    await fork.requireConfig(true);
    const before = await timeInFile(fork, id);
    const { result, problem } = await deleteAudited(fork, id, force);
    if (isRedisError(problem) && !Number.isNaN(before)) onLeft({ id, before });
    return { result, warnings: problem === null ? [] : [problem.message] };
  } finally {
    await fork.release();
  }
}

async function deleteAudited(context: Context, { userId, taskId }: TaskId, force: boolean): Promise<DeletionOutcome> {
  const selection = { ids: [taskId], filter: ofUser(userId), age: null };
  const flags = { force, dryRun: false, allowEmpty: false };
  let outcome: DeletionOutcome | undefined;
  await audited(context, true, async (ledger) => {
    outcome = await deleteChosen(context, flags, { selection, ledger, confirm: async () => {} });
    return deletionExitCode(context, outcome);
  });
  return outcome!;
}

/** `updated_at` of the task's record, whole microseconds; NaN for none. */
async function timeInFile(context: Context, { userId, taskId }: TaskId): Promise<number> {
  const snapshot = await (await context.fileStore()).read();
  await snapshot.close();
  const row = snapshot.rowOf(userId, taskId);
  return row < 0 ? Number.NaN : toMicros(snapshot.rows.score(row));
}
