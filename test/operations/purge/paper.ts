import { writeFileSync } from "node:fs";
import type { Artifacts } from "../../../src/artifacts/artifacts.ts";
import { TtsctlError } from "../../../src/errors.ts";
import { CleanupPlan } from "../../../src/operations/purge/cleanup-plan.ts";
import type { Copies, Copy } from "../../../src/operations/purge/copies.ts";
import type { Looked } from "../../../src/operations/purge/decide.ts";
import type { RetentionPolicy } from "../../../src/operations/purge/policy.ts";
import { batches } from "../../../src/pool.ts";
import type { Snapshot } from "../../../src/store/file/snapshot.ts";
import { NO_COPY, type RedisCopy } from "../../../src/store/layout/copy.ts";
import { type CopyReading, PLAIN } from "../../../src/store/layout/layout.ts";
import { MirrorUse } from "../../../src/store/mirror-link.ts";
import type { Mirror } from "../../../src/store/redis/mirror.ts";
import type { TaskId } from "../../../src/store/task-source.ts";
import { RecordParser } from "../../../src/task/task.ts";
import { RULES } from "../../helpers/records.ts";
import { withSnapshot } from "../../store/file/read-store.ts";

/** Both stores and the disk as a test puts them down; a plan only ever asks. */
export interface PaperTask extends TaskId {
  readonly file?: Copies["file"];
  /** `unread`: the read from Redis fails; `left`: in the index, but gone when it is read. */
  readonly redis?: Copies["mirror"] | "unread" | "left";
  /** The score in Redis's index; by default the copy's time; null: not in the index. */
  readonly indexScore?: number | null;
  readonly bytes?: number;
}

export const DAY = 86_400;
export const NOW = 1_700_000_000;
export const POLICY: RetentionPolicy = {
  ...{ retention: 7 * DAY, retentionDone: null, retentionError: null, keepLast: 0, maxBytes: 0 },
};

const WORDS: Record<string, string> = { done: "succeeded", error: "failed", run: "running", wait: "queued" };
const isCopy = (copy: PaperTask["file"] | PaperTask["redis"]): copy is Copy =>
  typeof copy === "object" && copy !== null;
const nameOf = ({ userId, taskId }: TaskId) => `${userId}:${taskId}`;

/** A finished copy of this age in seconds. */
export const done = (age: number): Copy => ({ status: "done", score: NOW - age });

export const task = (userId: string, taskId: string, more: Omit<PaperTask, keyof TaskId>): PaperTask => ({
  ...{ userId, taskId },
  ...more,
});

export const names = (ids: Iterable<TaskId>): string[] => [...ids].map(nameOf);

function recordOf({ userId, taskId, file }: PaperTask): object {
  const ids = { user_id: userId, task_id: taskId };
  return isCopy(file) ? { ...ids, status: WORDS[file.status] ?? "odd", updated_at: file.score } : ids;
}

function indexScoreOf({ redis, indexScore }: PaperTask): number | null {
  if (indexScore !== undefined) return indexScore;
  if (isCopy(redis)) return Number.isNaN(redis.score) ? 5 : redis.score;
  return redis === "dangling" || redis === "unread" || redis === "left" ? 5 : null;
}

/** Reads copies as a mirror does. */
export const READING: CopyReading = { layout: PLAIN, parser: new RecordParser(RULES) };

/** Its copy in Redis. */
export function redisCopyOf(task: PaperTask): RedisCopy {
  const { redis } = task;
  const number = redis === "left" ? null : indexScoreOf(task);
  const score = number === null ? null : String(number);
  const copy = { ...NO_COPY, indexScore: score, userScore: score };
  if (!isCopy(redis)) return copy;
  const updated_at = Number.isNaN(redis.score) ? "?" : new Date(redis.score * 1000).toISOString();
  return { ...copy, type: "hash", fields: { status: WORDS[redis.status] ?? "odd", updated_at } };
}

export function lookedAt({ userId, taskId, ...task }: PaperTask): Looked {
  const mirror = task.redis === "unread" || task.redis === "left" ? null : (task.redis ?? null);
  return {
    id: { userId, taskId },
    copies: { file: task.file ?? null, mirror },
    redis: redisCopyOf({ userId, taskId, ...task }),
  };
}

/** Ten members a step, as a large index comes; the tasks that were looked at are in `seen`. */
export function paperMirror(tasks: readonly PaperTask[]): { mirror: Mirror; seen: string[] } {
  const members = tasks.filter((task) => indexScoreOf(task) !== null);
  const byName = new Map(tasks.map((task) => [nameOf(task), task]));
  const seen: string[] = [];
  const mirror: Partial<Mirror> = {
    ...READING,
    async *walkIndex() {
      for (const some of batches(members, 10)) yield some.flatMap((task) => [nameOf(task), String(indexScoreOf(task))]);
    },
    size: async () => members.length,
    async *walkInOrder({ until }) {
      const low = members
        .map((task) => ({ userId: task.userId, taskId: task.taskId, score: indexScoreOf(task)! }))
        .filter(({ score }) => until === null || score < until);
      yield low.sort((a, b) => a.score - b.score);
    },
    copies: async (ids) => {
      seen.push(...ids.map(nameOf));
      return ids.map((id) => {
        const task = byName.get(nameOf(id))!;
        return task.redis === "unread" ? new TtsctlError("REDIS_FAILED", "WRONGTYPE") : redisCopyOf(task);
      });
    },
  };
  return { mirror: mirror as Mirror, seen };
}

function paperDisk(tasks: readonly PaperTask[]): Artifacts {
  const disk: Partial<Artifacts> = {
    walkFolders: async (visit) => {
      for (const { userId, taskId } of tasks) await visit(userId, taskId);
      return [];
    },
    measureFolder: async (userId, taskId) => {
      const task = tasks.find((one) => one.userId === userId && one.taskId === taskId)!;
      return { kind: "removed", files: 1, bytes: task.bytes ?? 0 };
    },
    walkLogs: async () => [],
  };
  return disk as Artifacts;
}

export function withFile<T>(path: string, tasks: readonly PaperTask[], use: (snapshot: Snapshot) => T | Promise<T>) {
  const records = tasks.filter(({ file }) => file !== undefined && file !== null).map(recordOf);
  writeFileSync(path, JSON.stringify(records));
  return withSnapshot(path, use);
}

export interface Planned {
  readonly plan: CleanupPlan;
  readonly snapshot: Snapshot;
  readonly mirror: Mirror;
}

/** The plan of a pass at NOW over these tasks. */
export function withPlan<T>(
  path: string,
  tasks: readonly PaperTask[],
  policy: Partial<RetentionPolicy>,
  use: (planned: Planned) => T | Promise<T>,
): Promise<T> {
  return withFile(path, tasks, async (snapshot) => {
    const { mirror } = paperMirror(tasks);
    const parts = {
      artifacts: paperDisk(tasks),
      reporter: { warn: () => {}, progress: () => {}, done: async () => {} },
    };
    const state = new MirrorUse({ kind: "on", mirror });
    const plan = await CleanupPlan.make(parts, snapshot, state, { ...POLICY, ...policy }, NOW);
    return use({ plan, snapshot, mirror });
  });
}
