import { fieldJson } from "../json/record.ts";
import { batches } from "../pool.ts";
import type { PendingTasks } from "../store/file/batch-plan.ts";
import { LIVE, type Rows, STATUS_CODES, statusCode } from "../store/file/rows.ts";
import type { Snapshot } from "../store/file/snapshot.ts";
import { BATCH } from "../store/redis/copies.ts";
import type { TaskId } from "../task/ids.ts";
import { OTHER_STATUS, plainWord, shownStatus } from "../task/status.ts";
import type { Task } from "../task/task.ts";
import type { TimeReader } from "../task/time.ts";

export const CLAIM_ID = "claim_id";
export const CLAIMED_UNTIL = "claimed_until";

export interface Claimable {
  /** Shown words. */
  readonly from: ReadonlySet<string>;
  /** The service's word for claimed tasks. */
  readonly claimed: string;
  /** Epoch seconds. */
  readonly now: number;
}

/** The claimable task that was changed the longest ago, or null. */
export async function findClaimable(
  snapshot: Snapshot,
  pending: PendingTasks,
  { from, claimed, now }: Claimable,
): Promise<TaskId | null> {
  const { rows } = snapshot;
  const inFrom = STATUS_CODES.map((word) => from.has(word));
  const codeOfClaimed = statusCode(claimed);
  const running: number[] = [];
  let oldest = -1;
  for (let row = 0; row < rows.size; row++) {
    const code = rows.status(row);
    if (!inFrom[code] && code !== codeOfClaimed) continue;
    if (rows.state(row) !== LIVE || pending.rows.has(row)) continue;
    if (!inFrom[code]) running.push(row);
    else if (oldest < 0 || rows.compare(row, oldest) > 0) oldest = row;
  }
  const older = running.filter((row) => oldest < 0 || rows.compare(row, oldest) > 0);
  const row = (await findExpired(snapshot, older, claimed, now)) ?? oldest;
  if (row >= 0) return snapshot.idOf(row);
  // A record of an earlier change of the same batch.
  return pending.tasks.find(({ status }) => from.has(shownStatus(status) ?? OTHER_STATUS)) ?? null;
}

/** The oldest of some rows that has the word of claimed tasks and an expired claim. */
async function findExpired(snapshot: Snapshot, rows: readonly number[], claimed: string, now: number) {
  const leases = await leasesOf(snapshot, rows);
  const expired = rows.filter((row) => leases.get(row)! <= now).sort((a, b) => snapshot.rows.compare(b, a));
  for (const row of expired) {
    const [task] = await snapshot.readTasks([row]);
    if (plainWord(task!.status) === plainWord(claimed)) return row;
  }
  return null;
}

/** When the claim of a row's record ends. A row never changes, so each is read once: workers ask again and again. */
const known = new WeakMap<Rows, Map<number, number>>();
const MOST_KNOWN = 100_000;

async function leasesOf(snapshot: Snapshot, rows: readonly number[]): Promise<ReadonlyMap<number, number>> {
  const before = known.get(snapshot.rows);
  const leases = before === undefined || before.size > MOST_KNOWN ? new Map<number, number>() : before;
  known.set(snapshot.rows, leases);
  const times = snapshot.rules.times();
  const unread = rows.filter((row) => !leases.has(row));
  for (const some of batches(unread, BATCH)) {
    const tasks = await snapshot.readTasks(some);
    for (const [i, row] of some.entries()) leases.set(row, claimedUntil(tasks[i]!, times));
  }
  return leases;
}

/** Epoch seconds; NaN for a task without a lease. */
function claimedUntil({ json }: Task, times: TimeReader): number {
  const text = json.includes(CLAIMED_UNTIL) ? fieldJson(json, CLAIMED_UNTIL) : undefined;
  if (text === undefined) return Number.NaN;
  const value: unknown = JSON.parse(text);
  return typeof value === "string" ? times.parse(value.trim()) : typeof value === "number" ? value : Number.NaN;
}
