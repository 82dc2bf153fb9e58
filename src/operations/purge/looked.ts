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

/** Looked at, decided on, its artifacts gone. */
export interface Removed extends Chosen {
  readonly files: number;
  readonly bytes: number;
}

/** Whether Redis has a newer copy than the file. */
export function isAhead({ copies: { file, mirror } }: Looked): boolean {
  if (file === null || mirror === null || typeof file !== "object" || typeof mirror !== "object") return false;
  return mirror.score > file.score;
}
