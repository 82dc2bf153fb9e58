import { TtsctlError } from "../../errors.ts";
import { fillIn, IN_FLIGHT, pool } from "../../pool.ts";
import { matchingRows } from "../../store/file/file-tasks.ts";
import { statusCode } from "../../store/file/rows.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { KeyTable } from "../../store/key-table.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import type { Member } from "../../store/redis/walk.ts";
import { ofUser } from "../../task/query-fields.ts";
import type { Task } from "../../task/task.ts";
import { isEpochInRange } from "../../task/time.ts";
import type { Reporter } from "../reporter.ts";
import { indexMembers } from "../survey.ts";

/** The statuses (numbers as in STATUS_CODES) and times of tasks of either store, by key. */
export class TaskList {
  readonly #statuses: number[] = [];
  readonly #scores: number[] = [];

  /** @param keys the ids of the tasks, and perhaps of others */
  constructor(readonly keys = new KeyTable()) {}

  static ofFile(snapshot: Snapshot, userId: string | undefined): TaskList {
    const { rows } = snapshot;
    const list = new TaskList(rows.keys);
    for (const row of matchingRows(snapshot, ofUser(userId))) {
      list.set(rows.key(row), rows.status(row), rows.score(row));
    }
    return list;
  }

  /** If a task comes twice, the last counts. */
  add(userId: string, taskId: string, status: number, score: number): void {
    this.set(this.keys.addId(userId, taskId), status, score);
  }

  set(key: number, status: number, score: number): void {
    this.#statuses[key] = status;
    this.#scores[key] = score;
  }

  /** The status of a key's task; -1 for none. */
  status(key: number): number {
    return this.#statuses[key] ?? -1;
  }

  score(key: number): number {
    return this.#scores[key]!;
  }

  *tasks(): Generator<number> {
    for (let key = 0; key < this.#statuses.length; key++) if (this.status(key) >= 0) yield key;
  }
}

/** Every task in an index, and how many members have none. @param behind the file, for tasks whose hash is gone @throws TtsctlError REDIS_* */
export async function readMirrorTasks(
  mirror: Mirror,
  userId: string | undefined,
  behind: Snapshot | null,
  reporter: Reporter,
): Promise<{ tasks: TaskList; source: "redis" | "file" | "mixed"; dangling: number }> {
  const tasks = new TaskList();
  const filled = new KeyTable();
  const dangling = new KeyTable();
  const total = await mirror.size(userId);
  await pool(indexMembers(mirror, userId), IN_FLIGHT, async (members) => {
    const states = await statesOf(mirror, members);
    members.forEach(({ userId, taskId }, i) => {
      const state = states[i];
      const row = state !== undefined || behind === null ? -1 : behind.rowOf({ userId, taskId });
      if (state !== undefined) tasks.add(userId, taskId, statusCode(state.status), state.score);
      else if (row < 0) dangling.addId(userId, taskId);
      else {
        filled.addId(userId, taskId);
        tasks.add(userId, taskId, behind!.rows.status(row), behind!.rows.score(row));
      }
    });
    reporter.progress("counting", tasks.keys.size, total);
  });
  const source = filled.size === 0 ? "redis" : filled.size === tasks.keys.size ? "file" : "mixed";
  return { tasks, source, dangling: dangling.size };
}

/** Each member's status and time, from its whole hash if its score isn't a time; undefined without a usable hash. */
async function statesOf(mirror: Mirror, members: readonly Member[]) {
  const words = await mirror.statuses(members);
  const fromIndex = ({ score }: Member, i: number) => {
    const status = words[i];
    return typeof status === "string" && isEpochInRange(score) ? { status, score } : undefined;
  };
  return fillIn<Member, Pick<Task, "status" | "score"> | undefined>(members, fromIndex, async (unclear) =>
    (await mirror.read(unclear)).map((task) => (task instanceof TtsctlError ? undefined : task)),
  );
}
