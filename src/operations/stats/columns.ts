import { TtsctlError } from "../../errors.ts";
import { fillIn, IN_FLIGHT, pool } from "../../pool.ts";
import { matchingRows } from "../../store/file/file-tasks.ts";
import { statusCode } from "../../store/file/rows.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { Column, KeyTable } from "../../store/key-table.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import type { Member } from "../../store/redis/walk.ts";
import { ofUser } from "../../task/query-fields.ts";
import type { Task } from "../../task/task.ts";
import { isEpochInRange } from "../../task/time.ts";
import { indexMembers } from "../purge/survey.ts";
import type { Reporter } from "../reporter.ts";

/** Tasks as columns, from either store. Statuses are numbers as in STATUS_CODES. */
export interface TaskColumns {
  /** The ids of the tasks, and perhaps of others. */
  readonly keys: KeyTable;
  each(visit: (key: number, status: number, score: number) => void): void;
  /** The status of a key's task; -1 for none. */
  status(key: number): number;
}

export function fileColumns(snapshot: Snapshot, userId: string | undefined): TaskColumns {
  const { rows } = snapshot;
  return {
    keys: rows.keys,
    each(visit) {
      for (const row of matchingRows(snapshot, ofUser(userId))) visit(rows.key(row), rows.status(row), rows.score(row));
    },
    status(key) {
      const row = rows.liveRow(key);
      return row < 0 ? -1 : rows.status(row);
    },
  };
}

/** Tasks that are added one by one, in some 60 bytes each. */
export class CollectedColumns implements TaskColumns {
  readonly keys = new KeyTable();
  readonly #statuses = new Column(new Uint8Array(1 << 10));
  readonly #scores = new Column(new Float64Array(1 << 10));

  /** If a task comes twice, the last counts. */
  add(userId: string, taskId: string, status: number, score: number): void {
    const key = this.keys.addId(userId, taskId);
    this.#statuses.set(key, status);
    this.#scores.set(key, score);
  }

  each(visit: (key: number, status: number, score: number) => void): void {
    for (let key = 0; key < this.keys.size; key++) visit(key, this.#statuses.at(key), this.#scores.at(key));
  }

  status(key: number): number {
    return this.#statuses.at(key);
  }
}

/**
 * Every task in an index of the mirror, of one user or of all.
 * @param behind the file, for tasks whose hash is gone; null: these count as dangling
 * @returns also the number of index members without a task in either store
 * @throws TtsctlError REDIS_*
 */
export async function readMirrorTasks(
  mirror: Mirror,
  userId: string | undefined,
  behind: Snapshot | null,
  reporter: Reporter,
): Promise<{ columns: CollectedColumns; source: "redis" | "file" | "mixed"; dangling: number }> {
  const columns = new CollectedColumns();
  const filled = new KeyTable();
  const dangling = new KeyTable();
  const total = await mirror.size(userId);
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
    reporter.progress("counting", columns.keys.size, total);
  });
  const source = filled.size === 0 ? "redis" : filled.size === columns.keys.size ? "file" : "mixed";
  return { columns, source, dangling: dangling.size };
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
