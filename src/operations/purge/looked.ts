import type { RedisCopy } from "../../store/redis/copy.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { Copies } from "./copies.ts";
import type { Reason } from "./decide.ts";

/** A task with both copies, and the one in Redis as it was read. */
export interface Looked {
  readonly id: TaskId;
  readonly copies: Copies;
  readonly redis: RedisCopy | null;
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

export function chosenFor(reason: Reason, { id, copies, redis }: Looked): Chosen {
  return { id, copies, redis, reason };
}

export function removedWith({ files, bytes }: Freed, { id, copies, redis, reason }: Chosen): Removed {
  return { id, copies, redis, reason, files, bytes };
}

/** Whether Redis has a newer copy than the file. */
export function isAhead({ copies: { file, mirror } }: Looked): boolean {
  if (file === null || mirror === null || typeof file !== "object" || typeof mirror !== "object") return false;
  return mirror.score > file.score;
}
