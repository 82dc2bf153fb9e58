import type { Edit } from "./edit.ts";
import { KeySet } from "./key-set.ts";
import { INVALID, type Rows, SUPERSEDED, TOMBSTONE } from "./rows.ts";
import type { Snapshot } from "./snapshot.ts";
import { NO_UPSERTS } from "./upserts.ts";

/** Below so many lines that no longer count a file is left as it is: each rewrite has its price. */
const LEAST_DEAD = 100;

/** Whether the lines that can go outweigh those that count. */
export function isMostlyDead(snapshot: Snapshot): boolean {
  const { rows, invalid } = snapshot;
  const outweigh = (dead: number) => dead >= LEAST_DEAD && dead > rows.live;
  // The first count is quick, and the second one right: it knows those that must stay.
  return outweigh(rows.size - rows.live - invalid.count) && outweigh(deadRows(snapshot).size);
}

/**
 * The rewrite of JSON Lines without lines that no longer count: records that a later line replaced, and the lines of
 * tasks that ended. A task with an invalid line keeps all of its lines, so that this one means what it meant.
 */
export function planCompaction(snapshot: Snapshot): Edit {
  return { removed: new Set(), upserts: NO_UPSERTS, dead: deadRows(snapshot) };
}

function deadRows({ rows, shape }: Snapshot): KeySet {
  const dead = new KeySet(rows.size);
  if (shape === "jsonl") {
    const unclear = keysWithInvalid(rows);
    for (let row = 0; row < rows.size; row++) {
      const state = rows.state(row);
      if ((state === SUPERSEDED || state === TOMBSTONE) && !unclear.has(rows.key(row))) dead.add(row);
    }
  }
  return dead;
}

function keysWithInvalid(rows: Rows): ReadonlySet<number> {
  const keys = new Set<number>();
  for (let row = 0; row < rows.size; row++) if (rows.state(row) === INVALID) keys.add(rows.key(row));
  return keys;
}
