import { TtsctlError } from "../errors.ts";
import { keyOf } from "../task/ids.ts";
import { type Change, idOf } from "./file/batch-plan.ts";
import type { RemoveOutcome } from "./redis/remove.ts";
import type { WriteOutcome } from "./redis/write.ts";

/** A change that the file has, on its way to the mirror. */
export interface MirrorChange {
  readonly change: Change;
  /**
   * `updated_at` of the record that the file had before, whole microseconds; NaN for none. A copy that is no newer goes
   * with that record.
   */
  readonly before: number;
}

/**
 * What became of a change in the mirror; the file has it in every case. `unchanged`: a copy of the same time, which is not
 * of a record that the file had, is there and stays. `off`: there is no Redis.
 */
export type MirrorOutcome = Exclude<WriteOutcome, "mended"> | RemoveOutcome | "off" | TtsctlError;

/** Which task it is of, as a key of a map. */
export function keyIn({ change }: MirrorChange): string {
  return keyOf(idOf(change));
}

/** One change for each task, by `keyIn`, that stands for all of it: the last, before which the newest of their records went. */
export function collapse(changes: readonly MirrorChange[]): Map<string, MirrorChange> {
  const lasts = new Map<string, MirrorChange>();
  for (const item of changes) {
    const key = keyIn(item);
    lasts.set(key, { change: item.change, before: newest(item.before, lasts.get(key)?.before) });
  }
  return lasts;
}

/**
 * What each change hears of the outcome of the one that stands for it. Whose task another one changed after it was done
 * where that one was; where a copy stayed, it is newer than any record that went before the last.
 */
export function toldOf(
  changes: readonly MirrorChange[],
  outcomes: ReadonlyMap<string, MirrorOutcome>,
): MirrorOutcome[] {
  const told: MirrorOutcome[] = [];
  const isFollowed = new Set<string>();
  for (let i = changes.length - 1; i >= 0; i--) {
    const key = keyIn(changes[i]!);
    const outcome = outcomes.get(key)!;
    told[i] = isFollowed.has(key) ? toldEarlier(changes[i]!.change, outcome) : outcome;
    isFollowed.add(key);
  }
  return told;
}

function toldEarlier({ kind }: Change, outcome: MirrorOutcome): MirrorOutcome {
  if (outcome === "off" || outcome instanceof TtsctlError) return outcome;
  if (outcome === "newer" || outcome === "unchanged") return "newer";
  if (kind === "upsert") return "written";
  return outcome === "missing" ? "missing" : "removed";
}

/** The newer of two times; NaN for none. */
export function newest(one: number, other = Number.NaN): number {
  return Number.isNaN(one) || other > one ? other : one;
}
