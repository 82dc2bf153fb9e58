import { TtsctlError } from "../errors.ts";
import { LIVE, STATUS_CODES } from "../store/file/rows.ts";
import type { Snapshot } from "../store/file/snapshot.ts";
import { BATCH } from "../store/redis/copies.ts";
import type { Mirror } from "../store/redis/mirror.ts";
import { stateOf } from "../store/redis/seen-copy.ts";
import type { TaskId } from "../store/task-source.ts";
import { shownStatus } from "../task/status.ts";
import { isStuck, type StuckRule, StuckTasks } from "../task/stuck.ts";
import { batches } from "./pool.ts";

/**
 * The stuck tasks of the file. A task that has moved on in Redis is none: the service has written there since. Where Redis's
 * index has the time that the file has, its copy is taken for the same one; every other is looked at.
 * @param mirror null: the file alone says
 */
export async function findStuck(snapshot: Snapshot, mirror: Mirror | null, rule: StuckRule): Promise<StuckTasks> {
  const stuck = new StuckTasks(rule);
  for (const rows of batches(stuckRows(snapshot, rule), BATCH)) {
    const tasks = rows.map((row) => taskOf(snapshot, row));
    const moved = mirror === null ? new Set() : await movedOn(mirror, tasks, rule);
    for (const task of tasks) if (!moved.has(task)) stuck.look(task.status, task.score, () => task);
  }
  return stuck;
}

function* stuckRows({ rows }: Snapshot, rule: StuckRule): Generator<number> {
  for (let row = 0; row < rows.size; row++) {
    if (rows.state(row) === LIVE && isStuck(STATUS_CODES[rows.status(row)]!, rows.score(row), rule)) yield row;
  }
}

interface OpenTask extends TaskId {
  readonly status: string;
  readonly score: number;
}

function taskOf({ rows }: Snapshot, row: number): OpenTask {
  const key = rows.key(row);
  const id = { userId: rows.keys.userId(key), taskId: rows.keys.taskId(key) };
  return { ...id, status: STATUS_CODES[rows.status(row)]!, score: rows.score(row) };
}

/** Which of some tasks have a copy in Redis that is finished, or was changed lately. */
async function movedOn(mirror: Mirror, tasks: readonly OpenTask[], rule: StuckRule): Promise<Set<OpenTask>> {
  const scores = await mirror.scores(tasks);
  const others = tasks.filter(({ score }, i) => scores[i] !== score);
  const copies = others.length === 0 ? [] : await mirror.see(others);
  const moved = others.filter((_, i) => {
    const copy = copies[i]!;
    if (copy instanceof TtsctlError || !copy.exists) return false;
    const { status, time } = stateOf(copy, mirror);
    return !Number.isNaN(time) && !isStuck(shownStatus(status) ?? "other", time, rule);
  });
  return new Set(moved);
}
