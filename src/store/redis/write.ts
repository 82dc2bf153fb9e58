import type { TaskId } from "../../task/ids.ts";
import type { Task } from "../../task/task.ts";
import { newer } from "../../task/version.ts";
import { fitOf, isNothing, isWhole, type RedisCopy, sameContent, timeOf } from "../layout/copy.ts";
import type { CopyReading } from "../layout/layout.ts";
import type { Writable } from "../writable.ts";
import { type GuardedRemoval, type Outcome, settle, type Upsert } from "./copies.ts";
import type { Mirror } from "./mirror.ts";

/** `reindexed`: the hash is kept, and the index members are set; `newer`: Redis has a newer copy. */
export type WriteOutcome = "written" | "reindexed" | "unchanged" | "newer";

/**
 * What becomes of a write (docs/contract.md, Redis): never back in time. At an equal time the hash is kept and the scores
 * are repaired, unless the hash has no time. @param overEqual whether it also replaces a hash of the same time
 * @param replaced `updated_at` of the record that it replaced: copies up to this time are overwritten; NaN: none
 */
export function decideWrite(
  score: number,
  copy: RedisCopy,
  reading: CopyReading,
  overEqual = false,
  replaced = Number.NaN,
): WriteOutcome {
  const seen = timeOf(copy, reading);
  if (Number.isNaN(seen)) return "written";
  const isReplaced = !newer(seen, replaced);
  if (newer(seen, score) && !isReplaced) return "newer";
  const isPartial = !Object.is(reading.parser.times.ofHash(copy.fields.updated_at ?? ""), seen);
  if (newer(score, seen) || overEqual || isReplaced || isPartial) return "written";
  const fit = fitOf(copy, { score, createdAt: copy.fields.created_at ?? "" }, reading);
  return fit === "inSync" ? "unchanged" : "reindexed";
}

/**
 * Writes tasks to the mirror, at most BATCH, each only if it is newer than the copy there.
 * @param options copies: of each task, read here if absent, full ones for `overEqual`; overEqual: also over other content of the
 *   same time; overPartial: and over a partial hash, which isn't a record, whatever its time; replaced: as for `decideWrite`; written:
 *   collects the tasks whose hashes were written, to compare them with the file afterwards
 */
export function writeToMirror(
  mirror: Writable<Mirror>,
  tasks: readonly Task[],
  options: {
    readonly copies?: readonly Outcome<RedisCopy>[];
    readonly written?: { note(task: Task): void };
    readonly overEqual?: boolean;
    readonly overPartial?: boolean;
    readonly replaced?: readonly number[];
    readonly dryRun?: boolean;
  } = {},
): Promise<Outcome<WriteOutcome>[]> {
  const { overEqual = false, overPartial = false } = options;
  return settle<Upsert, WriteOutcome>(tasks, {
    read: async (due, round) => (round === 0 && options.copies) || mirror.copies(due, overEqual ? "full" : "scores"),
    decide(copy, i) {
      const [task, seen] = [tasks[i]!, copy];
      if (overPartial && copy.type === "hash" && !isWhole(copy, mirror.parser)) return { task, seen, afresh: true };
      const differs = overEqual && !sameContent(copy, task, mirror);
      const decision = decideWrite(task.score, copy, mirror, differs, options.replaced?.[i]);
      if (decision === "newer" || decision === "unchanged") return decision;
      return { task, seen, indexOnly: decision === "reindexed" };
    },
    act: async (due) => (options.dryRun ? due.map(() => true) : mirror.upsert(due)),
    done({ task, indexOnly }) {
      if (indexOnly) return "reindexed";
      options.written?.note(task);
      return "written";
    },
    verb: "written",
  });
}

/** A task whose record was deleted from the file. */
export interface Removal {
  readonly id: TaskId;
  /** `updated_at` of that record, epoch seconds; NaN without one. */
  readonly before: number;
}

export type RemoveOutcome = "removed" | "missing" | "newer";

/** Removes copies from the mirror, at most BATCH, unless they are newer than the record. */
export function removeFromMirror(
  mirror: Writable<Mirror>,
  removals: readonly Removal[],
): Promise<Outcome<RemoveOutcome>[]> {
  const ids = removals.map(({ id }) => id);
  return settle<GuardedRemoval, RemoveOutcome>(ids, {
    read: (due) => mirror.copies(due, "state"),
    decide(copy, i) {
      const { id, before } = removals[i]!;
      if (isNothing(copy)) return "missing";
      const isNewer = !Number.isNaN(before) && newer(timeOf(copy, mirror), before);
      return isNewer ? "newer" : { id, seen: copy };
    },
    act: (due) => mirror.remove(due),
    done: () => "removed",
    verb: "removed",
  });
}
