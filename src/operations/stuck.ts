import { TtsctlError } from "../errors.ts";
import { batches, IN_FLIGHT, pool } from "../pool.ts";
import { LIVE, STATUS_CODES } from "../store/file/rows.ts";
import type { Snapshot } from "../store/file/snapshot.ts";
import { stateOf } from "../store/layout/copy.ts";
import { BATCH } from "../store/redis/copies.ts";
import type { Mirror } from "../store/redis/mirror.ts";
import type { TaskId } from "../store/task-source.ts";
import { shownStatus } from "../task/status.ts";
import { isStuck, type StuckRule, StuckTasks } from "../task/stuck.ts";

/**
 * The stuck tasks of the file, without those that have moved on in Redis: the service has written there since.
 * @param mirror null: only the file is read
 */
export async function findStuck(snapshot: Snapshot, mirror: Mirror | null, rule: StuckRule): Promise<StuckTasks> {
  const stuck = new StuckTasks(rule);
  await pool(batches(stuckRows(snapshot, rule), BATCH), IN_FLIGHT, async (rows) => {
    const ids = rows.map((row) => snapshot.idOf(row));
    const moved = mirror === null ? [] : await movedOn(mirror, ids, rule);
    rows.forEach((row, i) => {
      const { rows: columns } = snapshot;
      if (!moved[i]) stuck.look(STATUS_CODES[columns.status(row)]!, columns.score(row), () => ids[i]!);
    });
  });
  return stuck;
}

function* stuckRows({ rows }: Snapshot, rule: StuckRule): Generator<number> {
  for (let row = 0; row < rows.size; row++) {
    if (rows.state(row) === LIVE && isStuck(STATUS_CODES[rows.status(row)]!, rows.score(row), rule)) yield row;
  }
}

/** Which of some tasks have a copy in Redis that is finished, or was changed lately. */
async function movedOn(mirror: Mirror, ids: readonly TaskId[], rule: StuckRule): Promise<boolean[]> {
  const copies = await mirror.copies(ids, "state");
  return copies.map((copy) => {
    if (copy instanceof TtsctlError || copy.type !== "hash") return false;
    const { status, time } = stateOf(copy, mirror);
    return !Number.isNaN(time) && !isStuck(shownStatus(status) ?? "other", time, rule);
  });
}
