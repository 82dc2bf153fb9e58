import type { SeenCopy } from "../../store/redis/mirror.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { Copies } from "./copies.ts";

/** A task that was looked at: both copies, and Redis's exactly as it stood. */
export interface Looked {
  readonly id: TaskId;
  readonly copies: Copies;
  readonly seen: SeenCopy | null;
}

/** Looked at, decided on, its artifacts gone. */
export interface Removed extends Looked {
  readonly files: number;
  readonly bytes: number;
}

/** Whether Redis has a newer copy than the file. */
export function isAhead({ copies: { file, mirror } }: Looked): boolean {
  if (file === null || mirror === null || typeof file !== "object" || typeof mirror !== "object") return false;
  return mirror.score > file.score;
}

/** An index member without a hash, and nothing in the file. */
export function isDangling({ copies, seen }: Pick<Looked, "copies" | "seen">): boolean {
  return copies.file === null && !(seen?.exists ?? false);
}
