import type { Artifacts } from "../../artifacts/artifacts.ts";
import { isRedisError } from "../../errors.ts";
import { STATUS_CODES } from "../../store/file/rows.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { readFirst, type SourceChoice, type Stores } from "../../store/mirror-link.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import { damageWarning, doubtsOf, FileBehind, fileWarnings, lackOf } from "../../store/task-store.ts";
import type { RecordRules } from "../../task/rules.ts";
import { STATUS_CHOICES } from "../../task/status.ts";
import { formatUtc } from "../../task/time.ts";
import { type CleanupParts, cleanupOnce } from "../cleanup.ts";
import { type DiskBytes, DiskUse } from "../disk-use.ts";
import { NOBODY } from "../owners.ts";
import type { Parts } from "../parts.ts";
import type { RetentionPolicy } from "../purge/rules.ts";
import { type PurgedTask, type Reporter, SILENT } from "../reporter.ts";
import { type Tally, type TallyRule, tallyOf } from "./tally.ts";
import { readMirrorTasks, TaskList } from "./task-list.ts";

interface StatsParts extends Stores {
  /** Null: the disk isn't read. */
  readonly artifacts: Artifacts | null;
  readonly reporter: Reporter;
  /** Null if cleanup is off or would refuse to run, and for a forced Redis, which doesn't read the file. */
  estimate(known: Known): Promise<Awaited<ReturnType<typeof estimateCleanup>> | null>;
}

/** What was read already. */
type Known = Pick<CleanupParts, "snapshot" | "sizes">;

type Found = Pick<Awaited<ReturnType<typeof readMirrorTasks>>, "source" | "dangling">;

/** `stats -o json` (docs/json.md). */
export type StatsResult = Awaited<ReturnType<typeof countTasks>>;
export type NamedTask = NonNullable<StatsResult["oldest"]>;

/**
 * Counts the tasks of either store, chosen as for lists (docs/contract.md, Reading), and their disk use. With `auto` the file is read too:
 * for its invalid records, and for tasks whose hash is gone. @throws TtsctlError REDIS_* if Redis is forced, STORE_* if the file is needed
 */
export async function countTasks(
  parts: StatsParts,
  { source: choice, userId, rule }: { source: SourceChoice; userId: string | undefined; rule: TallyRule },
) {
  const { artifacts, file, reporter } = parts;
  return readFirst(parts, choice, {
    fromFile: async (warnings) => {
      await using snapshot = await file.read();
      for (const line of warnings) reporter.warn(line);
      return await countFile(snapshot);
    },
    fromMirror,
  });

  async function countFile(snapshot: Snapshot) {
    if (!snapshot.exists) for (const line of fileWarnings(snapshot)) reporter.warn(line);
    return describe(TaskList.ofFile(snapshot, userId), { source: "file", dangling: 0 }, snapshot);
  }

  async function fromMirror(mirror: Mirror, warnings: readonly string[]) {
    const behind = new FileBehind(file);
    await using snapshot = choice === "auto" ? await behind.snapshot() : null;
    if (choice === "auto") {
      const doubts = await doubtsOf(mirror, userId);
      const lack = doubts === null ? null : await lackOf(mirror, doubts, userId, behind);
      if (lack !== null) reporter.warn(lack);
      if (lack !== null && snapshot !== null) return await countFile(snapshot);
    }
    const damage = snapshot?.size === 0 ? await damageWarning(file.path, mirror) : [];
    for (const line of [...warnings, ...behind.warnings, ...damage]) reporter.warn(line);
    const { tasks, ...found } = await readMirrorTasks(mirror, userId, snapshot, reporter);
    return await describe(tasks, found, snapshot);
  }

  async function describe(tasks: TaskList, { source, dangling }: Found, snapshot: Snapshot | null) {
    const tally = tallyOf(tasks, rule);
    const disk = artifacts === null ? null : await readDisk(artifacts, tally, userId, file.rules);
    const { stuck, ...counts } = tally.describe(disk?.ofUser);
    return {
      source,
      /** ISO 8601, UTC, as all times; ages are counted from it. */
      at: formatUtc(rule.now),
      user: userId ?? null,
      ...counts,
      dangling,
      /** Null if the file, or the disk, wasn't read. */
      invalid: snapshot === null ? null : describeInvalid(snapshot),
      stuck,
      disk: disk?.all ?? null,
      cleanup: await parts.estimate({ snapshot: snapshot ?? undefined, sizes: disk?.sizes }),
    };
  }
}

function describeInvalid({ invalid }: Snapshot) {
  const records = invalid.named.map(({ userId = null, taskId = null, offset: byte, reason }) => {
    return { user_id: userId, task_id: taskId, byte, reason };
  });
  return { count: invalid.count, records };
}

/** The owner of a log whose task id several users have. */
const SHARED = -2;

/** The disk use by status and by the tally's users. @param userId the one user whose artifacts count, or undefined */
async function readDisk(artifacts: Artifacts, { tasks, users }: Tally, userId: string | undefined, rules: RecordRules) {
  const userNames = userId === undefined ? undefined : rules.namesOf(userId);
  const onDisk = new DiskUse(artifacts, rules);
  await onDisk.readFolders((name) => userNames?.includes(name) !== false);
  await onDisk.readLogs();
  for (const key of tasks.tasks()) onDisk.own(tasks.keys, key, key, SHARED);
  const none = STATUS_CHOICES.map((word) => [word, noBytes()]);
  const byStatus = Object.fromEntries(none) as Record<(typeof STATUS_CHOICES)[number], DiskBytes>;
  const byUser: DiskBytes[] = [];
  const all = { ...noBytes(), byStatus, sharedLogBytes: 0, unowned: noBytes(), unread: onDisk.unread.length };
  for (const [owner, { audioBytes, logBytes: ofAnyUser }] of onDisk.byOwner()) {
    const logBytes = owner === NOBODY && userId !== undefined ? 0 : ofAnyUser;
    const status = owner < 0 ? -1 : tasks.status(owner);
    const sums: DiskBytes[] = [all];
    if (owner === SHARED) all.sharedLogBytes += logBytes;
    else if (status < 0) sums.push(all.unowned);
    else {
      const user = users.addUserOf(tasks.keys, owner);
      byUser[user] ??= noBytes();
      sums.push(byStatus[STATUS_CODES[status]!], byUser[user]);
    }
    for (const sum of sums) {
      sum.audioBytes += audioBytes;
      sum.logBytes += logBytes;
    }
  }
  // An estimate needs the sizes of all.
  return { all, ofUser: (user: number) => byUser[user] ?? noBytes(), sizes: userId === undefined ? onDisk : undefined };
}

function noBytes(): DiskBytes {
  return { audioBytes: 0, logBytes: 0 };
}

/** What a cleanup would free now, by a dry run. @param withFiles whether files are measured @throws TtsctlError if it would refuse */
export async function estimateCleanup(
  parts: Parts<"file" | "mirror" | "artifacts" | "clock" | "reporter"> & Known,
  policy: RetentionPolicy,
  { userId, withFiles }: { userId: string | undefined; withFiles: boolean },
): Promise<{ tasks: number; files: number | null; bytes: number | null }> {
  const sum = { tasks: 0, files: 0, bytes: 0 };
  // Stats report what is wrong with the stores.
  const reporter: Reporter = {
    ...SILENT,
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
  const options = { ...policy, stuckAfter: 0, dryRun: true, maxDelete: null, allowEmpty: false };
  const { problem } = await cleanupOnce(dryRun, options);
  if (problem !== null && !isRedisError(problem)) throw problem;
  return withFiles ? sum : { tasks: sum.tasks, files: null, bytes: null };
}
