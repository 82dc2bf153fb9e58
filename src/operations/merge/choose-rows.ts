import { matchingRows } from "../../store/file/file-tasks.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import type { Selection } from "../select.ts";

/** The live rows of a source that are meant, ascending, and the ids asked for that it does not have. */
export function chooseRows(source: Snapshot, { filter, ids }: Selection): { rows: Int32Array; missing: string[] } {
  if (ids === null) return { rows: Int32Array.from(matchingRows(source, filter)), missing: [] };
  const found = new Set(ids.map((taskId) => source.rowOf(filter.userId!, taskId)));
  return {
    rows: Int32Array.from([...matchingRows(source, filter)].filter((row) => found.has(row))),
    missing: ids.filter((taskId) => source.rowOf(filter.userId!, taskId) < 0),
  };
}
