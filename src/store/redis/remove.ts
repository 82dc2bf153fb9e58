import { toMicros } from "../../task/time.ts";
import { isNothing, timeOf } from "../layout/copy.ts";
import type { TaskId } from "../task-source.ts";
import { type GuardedRemoval, type Outcome, settle } from "./copies.ts";
import type { Mirror } from "./mirror.ts";

/** A task whose record was deleted from the file. */
export interface Removal {
  readonly id: TaskId;
  /** `updated_at` of that record, whole microseconds; NaN without one. */
  readonly before: number;
}

/** The outcome of a removal in the mirror; a copy that is newer than the deleted record is kept. */
export type RemoveOutcome = "removed" | "missing" | "newer";

/** Removes copies from the mirror, at most BATCH, unless they are newer than the record. */
export function removeFromMirror(mirror: Mirror, removals: readonly Removal[]): Promise<Outcome<RemoveOutcome>[]> {
  const ids = removals.map(({ id }) => id);
  return settle<GuardedRemoval, RemoveOutcome>(ids, {
    read: (due) => mirror.copies(due, "state"),
    decide(copy, i) {
      const { id, before } = removals[i]!;
      if (isNothing(copy)) return "missing";
      return toMicros(timeOf(copy, mirror)) > before ? "newer" : { id, copy };
    },
    act: (due) => mirror.remove(due),
    done: () => "removed",
    verb: "removed",
  });
}
