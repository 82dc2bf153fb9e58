import { batches, IN_FLIGHT, pool } from "../pool.ts";
import { STATUS_CODES } from "../store/file/rows.ts";
import type { Snapshot } from "../store/file/snapshot.ts";
import { BATCH } from "../store/redis/copies.ts";
import type { Mirror } from "../store/redis/mirror.ts";
import { isStuck, type StuckRule, StuckTasks } from "../task/stuck.ts";
import { copiesIn } from "./copies.ts";
import { chosenRows } from "./survey.ts";

/** The stuck tasks of the file, without those that have moved on in Redis. @param mirror null: only the file is read */
export async function findStuck(snapshot: Snapshot, mirror: Mirror | null, rule: StuckRule): Promise<StuckTasks> {
  const stuck = new StuckTasks(rule);
  const rows = chosenRows(snapshot, (_, { status, time }) => isStuck(status, time, rule));
  await pool(batches(rows, BATCH), IN_FLIGHT, async (batch) => {
    const ids = batch.map((row) => snapshot.idOf(row));
    const inRedis = mirror === null ? [] : await copiesIn(mirror, ids);
    batch.forEach((row, i) => {
      const { rows: columns } = snapshot;
      const copy = inRedis[i] ?? null;
      // Finished in Redis, or changed there lately.
      if (copy !== null && !Number.isNaN(copy.time) && !isStuck(copy.status, copy.time, rule)) return;
      stuck.look(STATUS_CODES[columns.status(row)]!, columns.score(row), () => ids[i]!);
    });
  });
  return stuck;
}
