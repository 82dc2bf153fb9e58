import type { Deletion, Removal } from "../../http/parts.ts";
import type { TaskId } from "../../store/task-source.ts";
import { ofUser } from "../../task/filter.ts";
import { audited } from "../audited.ts";
import type { Context } from "../context.ts";
import { type DeletionOutcome, deleteChosen, deletionExitCode } from "../delete-chosen.ts";

/**
 * Deletes single tasks as `ttsctl delete --yes` does: with the run lock, the ledger, and a configuration that says where.
 * One after the other, so that many at once do not wait for the lock until they give up.
 */
export function remover(context: Context): (deletion: Deletion) => Promise<Removal> {
  let last: Promise<unknown> = Promise.resolve();
  return (deletion) => {
    const next = last.then(() => remove(context, deletion));
    last = next.catch(() => {});
    return next;
  };
}

async function remove(context: Context, { id, force, request }: Deletion): Promise<Removal> {
  // What is told of a deleted task goes to the log: stdout is nobody's answer here.
  const fork = context.fork(await context.settings(), { flags: { output: "json" }, request });
  try {
    await fork.requireConfig(true);
    return await deleteAudited(fork, id, force);
  } finally {
    await fork.release();
  }
}

async function deleteAudited(context: Context, { userId, taskId }: TaskId, force: boolean): Promise<Removal> {
  const selection = { ids: [taskId], filter: ofUser(userId), age: null };
  const flags = { force, dryRun: false, allowEmpty: false };
  let outcome: DeletionOutcome | undefined;
  await audited(context, true, async (ledger) => {
    outcome = await deleteChosen(context, flags, { selection, ledger, confirm: async () => {} });
    return deletionExitCode(context, outcome);
  });
  const { result, problem } = outcome!;
  return { result, warnings: problem === null ? [] : [problem.message] };
}
