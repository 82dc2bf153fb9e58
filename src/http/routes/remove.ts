import { FORCE_ADVICE } from "../../operations/purge/decide.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { Dialect } from "../dialect.ts";
import { json } from "../json.ts";
import type { Deletion, Removal, ServerParts } from "../parts.ts";
import { HttpError } from "../problem.ts";

/** `DELETE /voice-tasks/{task_id}`. The task is looked for only if this server may delete it. */
export async function removeTask(
  { remove }: ServerParts,
  dialect: Dialect,
  { id, ...how }: Omit<Deletion, "id"> & { id(): Promise<TaskId> },
): Promise<Response> {
  if (remove === null) throw new HttpError("READ_ONLY", "this server was started with --read-only");
  const removal = await remove({ ...how, id: await id() });
  throwIfNotGone(removal);
  return json(dialect.removed(removal.result), removal.warnings);
}

function throwIfNotGone({ result, warnings }: Removal): void {
  const [refused] = result.refused;
  if (refused?.reason.endsWith(FORCE_ADVICE)) {
    const reason = refused.reason.slice(0, -FORCE_ADVICE.length);
    throw new HttpError("TASK_UNFINISHED", reason, "force=true deletes it all the same");
  }
  if (refused !== undefined) throw new HttpError("TASK_REFUSED", refused.reason);
  if (result.missing.length > 0) throw new HttpError("TASK_NOT_FOUND", "neither store has the task");
  if (result.returned > 0) throw new HttpError("TASK_RETURNED", "the service wrote the task back", warnings.join("; "));
  if (result.deleted === 0) throw new HttpError("DELETE_FAILED", "the task was not deleted", warnings.join("; "));
}
