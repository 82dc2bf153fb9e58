import { TtsctlError } from "../../errors.ts";
import { pool } from "../../pool.ts";
import { fillIn, IN_FLIGHT } from "../../store/batches.ts";
import { statusCode } from "../../store/file/row-reader.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { KeyTable } from "../../store/key-table.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import type { Member } from "../../store/redis/walk.ts";
import type { Task } from "../../task/task.ts";
import { isEpochInRange } from "../../task/time.ts";
import { indexMembers } from "../purge/survey.ts";
import { CollectedColumns } from "./columns.ts";

export interface MirrorTasks {
  readonly columns: CollectedColumns;
  /** Tasks that came from the file, since their hash is gone. */
  readonly filled: number;
  /** Index members without a task in either store. */
  readonly dangling: number;
}

/**
 * Every task that an index of the mirror knows, of one user or of all.
 * @param behind where a task is looked for whose hash is gone; null: nowhere
 * @param onProgress told how many tasks there are so far
 * @throws TtsctlError REDIS_*
 */
export async function readMirrorTasks(
  mirror: Mirror,
  userId: string | undefined,
  behind: Snapshot | null,
  onProgress: (tasks: number) => void = () => {},
): Promise<MirrorTasks> {
  const columns = new CollectedColumns();
  const filled = new KeyTable();
  const dangling = new KeyTable();
  await pool(indexMembers(mirror, userId), IN_FLIGHT, async (members) => {
    const states = await statesOf(mirror, members);
    members.forEach(({ userId, taskId }, i) => {
      const state = states[i];
      const row = state !== undefined || behind === null ? -1 : behind.rowOf(userId, taskId);
      if (state !== undefined) columns.add(userId, taskId, statusCode(state.status), state.score);
      else if (row < 0) dangling.addId(userId, taskId);
      else {
        filled.addId(userId, taskId);
        columns.add(userId, taskId, behind!.rows.status(row), behind!.rows.score(row));
      }
    });
    onProgress(columns.keys.size);
  });
  return { columns, filled: filled.size, dangling: dangling.size };
}

type State = Pick<Task, "status" | "score">;

/** Each member's status and time, from its whole hash if its score isn't a time; undefined without a usable hash. */
async function statesOf(mirror: Mirror, members: readonly Member[]): Promise<(State | undefined)[]> {
  const words = await mirror.statuses(members);
  const fromIndex = ({ score }: Member, i: number): State | undefined => {
    const status = words[i];
    return typeof status === "string" && isEpochInRange(score) ? { status, score } : undefined;
  };
  return fillIn<Member, State | undefined>(members, fromIndex, async (unclear) =>
    (await mirror.read(unclear)).map((task) => (task instanceof TtsctlError ? undefined : task)),
  );
}
