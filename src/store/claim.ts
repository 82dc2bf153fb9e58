import { fieldJson } from "../json/record.ts";
import { shownStatus } from "../task/status.ts";
import type { Task } from "../task/task.ts";
import type { TimeReader } from "../task/time.ts";
import { batches } from "./batches.ts";
import type { PendingTasks } from "./file/batch-plan.ts";
import { matchingRows } from "./file/file-tasks.ts";
import type { Snapshot } from "./file/snapshot.ts";
import type { TaskId } from "./task-source.ts";

/** Fields of a record: which claim a task has, and until when it holds. */
export const CLAIM_ID = "claim_id";
export const CLAIMED_UNTIL = "claimed_until";

const READ_AT_ONCE = 250;

/** Which tasks may be claimed. */
export interface Claimable {
  /** Shown words. */
  readonly from: ReadonlySet<string>;
  /** The service's word for claimed tasks. One whose claim has expired may be claimed again. */
  readonly claimed: string;
  /** Epoch seconds. */
  readonly now: number;
}

/** The task that may be claimed and was changed the longest ago; null if there is none. */
export async function findClaimable(
  snapshot: Snapshot,
  pending: PendingTasks,
  { from, claimed, now }: Claimable,
): Promise<TaskId | null> {
  const { rows } = snapshot;
  let oldest = -1;
  for (const row of rowsWith(snapshot, pending, from)) {
    if (oldest < 0 || rows.compare(row, oldest) > 0) oldest = row;
  }
  const expired = await findExpired(snapshot, pending, { claimed, now, before: oldest });
  const row = expired ?? oldest;
  if (row >= 0) return { userId: rows.keys.userId(rows.key(row)), taskId: rows.keys.taskId(rows.key(row)) };
  // A record that was put in just before, in the same batch.
  return pending.tasks.find(({ status }) => from.has(shownStatus(status) ?? "")) ?? null;
}

/** The row of the oldest task whose claim has expired, and that is older than another row. */
async function findExpired(
  snapshot: Snapshot,
  pending: PendingTasks,
  { claimed, now, before }: { claimed: string; now: number; before: number },
): Promise<number | null> {
  const { rows } = snapshot;
  const times = snapshot.rules.times();
  const shown = new Set([shownStatus(claimed) ?? "other"]);
  const older = [...rowsWith(snapshot, pending, shown)].filter((row) => before < 0 || rows.compare(row, before) > 0);
  for (const some of batches(
    older.sort((a, b) => rows.compare(b, a)),
    READ_AT_ONCE,
  )) {
    const tasks = await snapshot.readTasks(some);
    const found = tasks.findIndex((task) => sameWord(task.status, claimed) && claimedUntil(task, times) <= now);
    if (found >= 0) return some[found]!;
  }
  return null;
}

function* rowsWith(snapshot: Snapshot, pending: PendingTasks, statuses: ReadonlySet<string>): Generator<number> {
  const filter = { users: new Set<string>(), statuses, since: null, until: null };
  for (const row of matchingRows(snapshot, filter)) if (!pending.rows.has(row)) yield row;
}

/** Epoch seconds; NaN for a task without a lease. */
export function claimedUntil({ json }: Task, times: TimeReader): number {
  const text = json.includes(CLAIMED_UNTIL) ? fieldJson(json, CLAIMED_UNTIL) : undefined;
  if (text === undefined) return Number.NaN;
  const value: unknown = JSON.parse(text);
  return typeof value === "string" ? times.parse(value.trim()) : typeof value === "number" ? value : Number.NaN;
}

/** As statuses are compared: case and spaces are ignored. */
export function sameWord(a: string, b: string): boolean {
  const plain = (word: string) => word.replace(/\s+/g, "").toLowerCase();
  return plain(a) === plain(b);
}
