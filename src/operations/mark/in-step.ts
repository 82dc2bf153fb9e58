import { TtsctlError } from "../../errors.ts";
import { batches } from "../../store/batches.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { BATCH } from "../../store/redis/copies.ts";
import { isFatal } from "../../store/redis/errors.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import { writeToMirror } from "../../store/redis/write.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { WrittenCopies } from "../../store/written-copies.ts";
import type { Copies } from "../purge/copies.ts";

/** Whether Redis has a task other than the file, whose copy is the newer one, has it. */
export function isBehind({ file, mirror }: Copies): boolean {
  if (file === null || file === "invalid") return false;
  return mirror === null || mirror === "dangling" || mirror.status !== file.status || mirror.score !== file.score;
}

/**
 * Writes to Redis, guarded, what the file has of tasks that have the status there already: an earlier mark may have been
 * stopped between the file and Redis.
 * @param onFailed told of each that could not be written, with the reason
 * @throws TtsctlError one that would meet every other task too; STORE_*
 */
export async function bringInStep(
  mirror: Mirror,
  parts: { snapshot: Snapshot; rows: readonly number[]; written: WrittenCopies; signal: AbortSignal },
  onFailed: (id: TaskId, reason: string) => void,
): Promise<void> {
  const { snapshot, rows, written, signal } = parts;
  for (const batch of batches(rows, BATCH)) {
    if (signal.aborted) return;
    const tasks = await snapshot.readTasks(batch);
    const outcomes = await writeToMirror(mirror, tasks, { written });
    for (const [i, outcome] of outcomes.entries()) {
      if (!(outcome instanceof TtsctlError)) continue;
      if (isFatal(outcome)) throw outcome;
      onFailed(tasks[i]!, outcome.message);
    }
  }
}
