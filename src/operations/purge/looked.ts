import type { SeenCopy } from "../../store/redis/seen-copy.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { Copies } from "./copies.ts";
import type { Reason } from "./decide.ts";

/** A task that was looked at: both copies, and Redis's exactly as it stood. */
export interface Looked {
  readonly id: TaskId;
  readonly copies: Copies;
  readonly seen: SeenCopy | null;
}

/** A task that goes, and why. */
export interface Chosen extends Looked {
  readonly reason: Reason;
}

/** What went of artifacts with a task, or would go. */
export interface Freed {
  readonly files: number;
  readonly bytes: number;
}

export const NONE_FREED: Freed = { files: 0, bytes: 0 };

/** Looked at, decided on, its artifacts gone. */
export interface Removed extends Chosen, Freed {}

// Field by field: for a spread with fields behind it V8 makes a new shape of each object.

export function chosenFor(reason: Reason, { id, copies, seen }: Looked): Chosen {
  return { id, copies, seen, reason };
}

export function removedWith({ files, bytes }: Freed, { id, copies, seen, reason }: Chosen): Removed {
  return { id, copies, seen, reason, files, bytes };
}

/** Whether Redis has a newer copy than the file. */
export function isAhead({ copies: { file, mirror } }: Looked): boolean {
  if (file === null || mirror === null || typeof file !== "object" || typeof mirror !== "object") return false;
  return mirror.score > file.score;
}
