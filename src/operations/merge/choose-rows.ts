import { matchingRows } from "../../store/file/file-tasks.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { soleUser } from "../../task/filter.ts";
import type { Selection } from "../select.ts";

/** The live rows of a source that are meant, ascending, and the ids asked for that it does not have. */
export function chooseRows(source: Snapshot, { filter, ids }: Selection): { rows: Int32Array; missing: string[] } {
  if (ids === null) return { rows: Int32Array.from(matchingRows(source, filter)), missing: [] };
  const rowOf = (taskId: string) => source.rowOf(soleUser(filter)!, taskId);
  const found = new Set(ids.map(rowOf));
  return {
    rows: Int32Array.from([...matchingRows(source, filter)].filter((row) => found.has(row))),
    missing: ids.filter((taskId) => rowOf(taskId) < 0),
  };
}
