import { TtsctlError } from "../../errors.ts";
import { toMicros } from "../../task/time.ts";
import type { TaskId } from "../task-source.ts";
import type { Outcome } from "./copies.ts";
import { isNothing, type RedisCopy, timeOf } from "./copy.ts";
import type { Mirror } from "./mirror.ts";

/** A task whose record went from the file. */
export interface Removal {
  readonly id: TaskId;
  /** `updated_at` of that record, whole microseconds; NaN for none. */
  readonly before: number;
}

/** What a removal came to in the mirror; a copy that is newer than the record that went stays. */
export type RemoveOutcome = "removed" | "missing" | "newer";

/** How often a copy that changes under our hands is looked at again. */
const MOST_ROUNDS = 8;

/**
 * Removes copies from the mirror, at most BATCH, each only as it is seen here. One that changed between look and removal
 * is looked at and decided on again.
 */
export async function removeFromMirror(
  mirror: Mirror,
  removals: readonly Removal[],
): Promise<Outcome<RemoveOutcome>[]> {
  const outcomes: (Outcome<RemoveOutcome> | undefined)[] = removals.map(() => undefined);
  let pending = removals.map((_, i) => i);
  for (let round = 0; pending.length > 0 && round < MOST_ROUNDS; round++) {
    const copies = await mirror.copies(
      pending.map((i) => removals[i]!.id),
      "state",
    );
    const due: { index: number; copy: RedisCopy }[] = [];
    pending.forEach((index, i) => {
      const copy = copies[i]!;
      const decision = copy instanceof TtsctlError ? copy : decide(copy, removals[index]!.before, mirror);
      if (decision === "remove") due.push({ index, copy: copy as RedisCopy });
      else outcomes[index] = decision;
    });
    const flags = await mirror.remove(due.map(({ index, copy }) => ({ id: removals[index]!.id, copy })));
    pending = due.flatMap(({ index }, i) => {
      const flag = flags[i]!;
      if (flag !== false) outcomes[index] = flag === true ? "removed" : flag;
      return flag === false ? [index] : [];
    });
  }
  return outcomes.map((outcome, i) => outcome ?? changesTooOften(removals[i]!.id));
}

function decide(copy: RedisCopy, before: number, mirror: Mirror) {
  if (isNothing(copy)) return "missing";
  return toMicros(timeOf(copy, mirror)) > before ? "newer" : "remove";
}

function changesTooOften({ userId, taskId }: TaskId): TtsctlError {
  return new TtsctlError("REDIS_FAILED", `${userId}:${taskId} changes in Redis faster than it can be removed`);
}
