import type { Artifacts } from "../../artifacts/artifacts.ts";
import { isRedisError, TtsctlError } from "../../errors.ts";
import type { FileStore } from "../../store/file/file-store.ts";
import { STATUS_CODES } from "../../store/file/rows.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { type MirrorLink, readFirst, type SourceChoice } from "../../store/mirror-link.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import type { TaskId } from "../../store/task-source.ts";
import { FileBehind, lackOf } from "../../store/task-store.ts";
import { formatUtc } from "../../task/time.ts";
import { cleanupOnce } from "../cleanup.ts";
import type { Parts } from "../parts.ts";
import type { RetentionPolicy } from "../purge/policy.ts";
import type { PurgedTask, Reporter } from "../reporter.ts";
import { fileColumns, readMirrorTasks, type TaskColumns } from "./columns.ts";
import { readDisk } from "./disk.ts";
import { Tally, type TallyRule } from "./tally.ts";
import type { CleanupEstimate, NamedTask, StatsResult } from "./types.ts";

interface StatsOptions {
  readonly source: SourceChoice;
  readonly userId: string | undefined;
  readonly rule: TallyRule;
}

interface StatsParts {
  readonly file: FileStore;
  readonly link: MirrorLink;
  /** Null: the disk is not looked at. */
  readonly artifacts: Artifacts | null;
  readonly reporter: Reporter;
  /** What a cleanup would free, by what the stats were counted from. */
  estimate(source: StatsResult["source"]): Promise<CleanupEstimate | null>;
}

/** What was counted, and where. */
type Counted = Omit<StatsResult, "cleanup">;

/** How many users a result has at most. */
const MOST_USERS = 10_000;

/**
 * Counts the tasks of either store, as lists choose it (SPEC section 4), and what they take on the disk. In auto the file
 * is read too: for its invalid records, and for tasks whose hash is gone.
 * @throws TtsctlError REDIS_* where Redis is forced, STORE_* where the file must answer
 */
export async function countTasks(parts: StatsParts, options: StatsOptions): Promise<StatsResult> {
  const counted = await readFirst(parts, options.source, {
    fromFile: (warnings) => fromFile(parts, options, warnings),
    fromMirror: (mirror, warnings) => fromMirror(parts, options, mirror, warnings),
  });
  return { ...counted, cleanup: await parts.estimate(counted.source) };
}

async function fromFile(parts: StatsParts, options: StatsOptions, warnings: readonly string[]): Promise<Counted> {
  const snapshot = await parts.file.read();
  try {
    for (const line of warnings) parts.reporter.warn(line);
    return await countFile(parts, options, snapshot);
  } finally {
    await snapshot.close();
  }
}

async function countFile(parts: StatsParts, options: StatsOptions, snapshot: Snapshot): Promise<Counted> {
  if (!snapshot.exists) parts.reporter.warn(`${snapshot.path} does not exist: an empty store`);
  return describe(parts, options, fileColumns(snapshot, options.userId), { source: "file", dangling: 0, snapshot });
}

async function fromMirror(
  parts: StatsParts,
  options: StatsOptions,
  mirror: Mirror,
  warnings: readonly string[],
): Promise<Counted> {
  const { userId } = options;
  const behind = new FileBehind(parts.file);
  const snapshot = options.source === "auto" ? await behind.snapshot() : null;
  try {
    if (options.source === "auto") {
      const { problem } = behind;
      const lack = await lackOf(mirror, await mirror.standing(userId), snapshot, { userId, problem });
      if (lack !== null) parts.reporter.warn(lack);
      if (lack !== null && snapshot !== null) return await countFile(parts, options, snapshot);
    }
    for (const line of [...warnings, ...behind.warnings]) parts.reporter.warn(line);
    const total = await mirror.size(userId);
    const { columns, filled, dangling } = await readMirrorTasks(mirror, options.userId, snapshot, (tasks) =>
      parts.reporter.progress("counting", tasks, total),
    );
    const source = filled === 0 ? "redis" : filled === columns.keys.size ? "file" : "mixed";
    return await describe(parts, options, columns, { source, dangling, snapshot });
  } finally {
    await behind.close();
  }
}

async function describe(
  { artifacts, file }: StatsParts,
  { userId, rule }: StatsOptions,
  columns: TaskColumns,
  { source, dangling, snapshot }: { source: StatsResult["source"]; dangling: number; snapshot: Snapshot | null },
): Promise<Counted> {
  const tally = new Tally(columns, rule);
  const disk = artifacts === null ? null : await readDisk(artifacts, tally, userId, file.rules);
  const { total, ...byStatus } = tally.all();
  return {
    source,
    at: formatUtc(rule.now),
    user: userId ?? null,
    total,
    byStatus,
    users: tally.users.size,
    byUser: tally.topUsers(MOST_USERS).map((user) => ({
      user_id: tally.users.userId(user),
      ...tally.user(user),
      lastChange: formatUtc(tally.lastChange(user)),
      disk: disk?.ofUser(user) ?? null,
    })),
    oldest: taskOfKey(tally, tally.oldest),
    newest: taskOfKey(tally, tally.newest),
    ages: tally.ages(),
    perHour: tally.perHour().map(({ from, ...counts }) => ({ from: formatUtc(from), ...counts })),
    dangling,
    invalid: snapshot === null ? null : describeInvalid(snapshot),
    stuck: {
      count: tally.stuck.count,
      afterSeconds: rule.after,
      tasks: tally.stuck.named.map((task) => named(task, task.status, task.score, rule)),
    },
    disk: disk?.all ?? null,
  };
}

function taskOfKey({ columns, rule }: Tally, { key, score }: { key: number; score: number }): NamedTask | null {
  if (key < 0) return null;
  const id = columns.keys.id(key);
  return named(id, STATUS_CODES[columns.status(key)]!, score, rule);
}

function named({ userId, taskId }: TaskId, status: string, score: number, { now }: TallyRule): NamedTask {
  const ageSeconds = Math.round(now - score);
  return { user_id: userId, task_id: taskId, status, updated_at: formatUtc(score), ageSeconds };
}

function describeInvalid({ invalid }: Snapshot): NonNullable<StatsResult["invalid"]> {
  const records = invalid.named.map(({ userId = null, taskId = null, offset: byte, reason }) => {
    return { user_id: userId, task_id: taskId, byte, reason };
  });
  return { count: invalid.count, records };
}

type EstimateParts = Parts<"file" | "mirror" | "artifacts" | "clock" | "reporter">;

/**
 * What a cleanup would free now, of one user or of all: a dry run of it. Null where it would refuse to run, which is said.
 * @param withFiles whether the artifacts say what they take
 */
export async function estimateCleanup(
  parts: EstimateParts,
  policy: RetentionPolicy,
  { userId, withFiles }: { userId: string | undefined; withFiles: boolean },
): Promise<CleanupEstimate | null> {
  const sum = { tasks: 0, files: 0, bytes: 0 };
  // Stats report what is wrong with the stores.
  const reporter: Reporter = {
    warn: () => {},
    progress: () => {},
    done: async (_, items) => {
      for (const task of items as readonly PurgedTask[]) {
        if (userId !== undefined && task.userId !== userId) continue;
        sum.tasks++;
        sum.files += task.files;
        sum.bytes += task.bytes;
      }
    },
  };
  const dryRun = { ...parts, reporter, signal: new AbortController().signal, backup: null, ledger: null };
  try {
    const options = { ...policy, stuckAfter: 0, dryRun: true, maxDelete: null, allowEmpty: false };
    const { problem } = await cleanupOnce(dryRun, options);
    if (problem !== null && !isRedisError(problem)) throw problem;
  } catch (error) {
    if (!(error instanceof TtsctlError)) throw error;
    parts.reporter.warn(`what a cleanup would free cannot be told: ${error.message}`);
    return null;
  }
  return withFiles ? sum : { tasks: sum.tasks, files: null, bytes: null };
}
