import { keyOf } from "../../task/ids.ts";
import { toMicros } from "../../task/time.ts";
import { type ChangeResult, idOf } from "./batch-plan.ts";
import type { Snapshot } from "./snapshot.ts";

/**
 * Records of somebody who appends without our lock, that came between our look at the file and our append, and are newer
 * than ours: the last line counts, so ours hides them.
 * @param from the first row that came after the look
 * @returns by key of the task (`keyOf`): the row of the newest
 */
export function overtaken(snapshot: Snapshot, results: readonly ChangeResult[], from: number): Map<string, number> {
  const { rows } = snapshot;
  const hidden = new Map<string, number>();
  for (const { change } of results) {
    if (change?.kind !== "upsert") continue;
    const { score } = change.task;
    const key = snapshot.keyOf(change.task);
    for (let row = from; row < rows.size; row++) {
      if (rows.key(row) !== key || !(toMicros(rows.score(row)) > toMicros(score))) continue;
      if (row !== rows.liveRow(key)) hidden.set(keyOf(change.task), row);
    }
  }
  return hidden;
}

/** What the changes came to whose tasks have such a record: that one stays. */
export function gaveWay(results: readonly ChangeResult[], hidden: ReadonlyMap<string, number>): ChangeResult[] {
  return results.map((result) => {
    const gives = result.outcome === "written" && hidden.has(keyOf(idOf(result.change!)));
    return gives ? { ...result, outcome: "newer" } : result;
  });
}
