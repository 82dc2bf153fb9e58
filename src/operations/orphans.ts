import type { LogPlace } from "../artifacts/artifacts.ts";
import { TtsctlError, throwIfInterrupted } from "../errors.ts";
import { batches } from "../pool.ts";
import { CurrentFile } from "../store/file/shared-snapshot.ts";
import type { Snapshot } from "../store/file/snapshot.ts";
import type { RedisCopy } from "../store/layout/copy.ts";
import { BATCH, type Outcome } from "../store/redis/copies.ts";
import { type TaskId, trimId } from "../task/ids.ts";
import { formatUtc } from "../task/time.ts";
import { checkBrake, type MaxDelete } from "./brake.ts";
import { announced } from "./ledger.ts";
import { logName, Owners, usersWithRecords } from "./owners.ts";
import type { RedisParts } from "./parts.ts";
import { bothOf, preflight } from "./preflight.ts";
import { recoverArtifacts } from "./purge/purge-artifacts.ts";
import { NamedWarnings, type Orphan } from "./reporter.ts";
import { refuseCut, storeEmpty } from "./safety.ts";
import { survey } from "./survey.ts";

/** `cleanup --orphans -o json`, before anything was found. */
function noOrphans(olderThan: number, dryRun: boolean) {
  return {
    /** ISO 8601, UTC: artifacts that were changed later are kept. */
    olderThan: formatUtc(olderThan),
    /** All folders and logs of tasks, with a record or without. */
    found: 0,
    /** Those without a record that are old enough. */
    folders: 0,
    logs: 0,
    young: 0,
    /** Entries of `output/` that aren't a task's folder, or could not be read. */
    unknown: 0,
    removed: 0,
    skipped: 0,
    failed: 0,
    /** Removed, or in a dry run of those that would be. */
    files: 0,
    bytes: 0,
    dryRun,
    durationMs: 0,
  };
}

export type OrphanResult = ReturnType<typeof noOrphans>;

type OrphanParts = RedisParts<"file" | "artifacts" | "clock" | "reporter" | "signal" | "ledger">;

export interface OrphanOptions {
  /** Seconds; more than zero. */
  readonly retention: number;
  readonly dryRun: boolean;
  /** Of all artifacts found. */
  readonly maxDelete?: MaxDelete | undefined;
}

const NAMED = 10;
const NOTHING_REMOVED = "no artifact was removed";

/**
 * Finds artifacts that no record in either store owns and that are older than the retention, and removes them unless it is a dry run
 * (docs/contract.md, Whose directory is it). The caller then holds the run lock. @throws TtsctlError, before the first removal
 */
export async function cleanUpOrphans(parts: OrphanParts, options: OrphanOptions): Promise<OrphanResult> {
  const { artifacts, clock, ledger, reporter, signal } = parts;
  const { retention, dryRun, maxDelete } = options;
  const started = clock.monotonic();
  const snapshot = await parts.file.read(signal);
  await using file = new CurrentFile(parts.file, snapshot);
  const olderThan = clock.now() - retention; // artifacts with anything newer aren't orphans yet
  if (snapshot.size === 0) throw storeEmpty(snapshot, ": every artifact would be without a record", "");
  const { mirror } = bothOf(await preflight(parts, "orphans", { snapshot, age: retention, dryRun }));
  if (!dryRun) recoverArtifacts(parts); // before the names of all artifacts are read
  const owners = await readOwners({ ...parts, mirror }, file, snapshot);

  const result = noOrphans(olderThan, dryRun);
  const skips = new NamedWarnings(reporter, "was skipped");
  const unreported: Orphan[] = [];
  const flush = () => reporter.done("orphan", unreported.splice(0), dryRun);
  const keep = (id: TaskId, reason: string) => {
    result.skipped++;
    skips.add(id, reason);
  };

  /** Counts what was removed, or in a dry run would be. */
  async function report(path: string, { files, bytes }: Omit<Orphan, "path">): Promise<void> {
    if (!dryRun) result.removed++;
    result.files += files;
    result.bytes += bytes;
    unreported.push({ path, files, bytes });
    if (unreported.length >= BATCH) await flush();
  }

  /** Walks over both roots once. A dry run reports what it finds. */
  async function find(): Promise<{ folders: TaskId[]; logs: LogPlace[] }> {
    const [folders, logs]: [TaskId[], LogPlace[]] = [[], []];
    const count = () => {
      throwIfInterrupted(signal, NOTHING_REMOVED);
      const found = ++result.found;
      if (found % 1000 === 0) reporter.progress("scanning", found, found);
    };
    const leave = (line: string) => {
      result.unknown++;
      if (result.unknown <= NAMED) reporter.warn(line);
    };
    const visit = async (userId: string, taskId: string) => {
      count();
      if (owners.ownsFolder({ userId, taskId })) return;
      const folder = artifacts.measureFolder(userId, taskId, { mtime: olderThan });
      if (folder.kind === "removed") {
        folders.push({ userId, taskId });
        if (dryRun) await report(artifacts.folderPath(userId, taskId), folder);
      } else if (folder.kind === "kept" && folder.newer) result.young++;
      else if (folder.kind === "kept") leave(`left alone: ${folder.reason}`);
    };
    const unread = await artifacts.walkFolders(visit, (path) => leave(`left alone: ${path} isn't a task's directory`));
    const skipped = await artifacts.logs.walk(async (log, measure) => {
      const size = measure();
      if (size === undefined) return;
      count();
      if (owners.ownsLog(log)) return;
      if (size.changedAt > olderThan) result.young++;
      else {
        logs.push(log);
        if (dryRun) await report(artifacts.logs.pathOf(log), size);
      }
    });
    for (const reason of [...unread, ...skipped]) leave(`skipped: ${reason}`);
    if (result.unknown > NAMED) reporter.warn(`left alone, and not named: ${result.unknown - NAMED} more`);
    Object.assign(result, { folders: folders.length, logs: logs.length });
    await flush();
    return { folders, logs };
  }

  async function inBatches<T>(items: readonly T[], remove: (batch: T[]) => Promise<void>): Promise<void> {
    for (const batch of batches(items, BATCH)) {
      if (signal.aborted) return;
      await remove(batch);
      const { removed, skipped, failed } = result;
      reporter.progress("removing", removed + skipped + failed, result.folders + result.logs);
      await flush();
    }
  }

  async function removeFolders(ids: readonly TaskId[]): Promise<void> {
    const unowned = await owners.stillUnowned(ids);
    for (const id of ids) if (!unowned.has(id)) keep(id, "it has a record now");
    const entries = Array.from(unowned, (id) => ({ ...id, reason: "orphan" }));
    await announced(ledger, "purge", entries, async (done) => {
      for (const id of unowned) {
        if (signal.aborted) break;
        const folder = artifacts.purgeFolder(id.userId, id.taskId, { mtime: olderThan });
        if (folder.kind === "removed") {
          await report(artifacts.folderPath(id.userId, id.taskId), folder);
          done(id);
        } else if (folder.kind === "absent") result.skipped++;
        else if (folder.retry) {
          result.failed++;
          reporter.warn(`not removed: ${folder.reason}`);
        } else keep(id, folder.reason);
        await artifacts.turn();
      }
    });
  }

  async function removeLogs(logs: readonly LogPlace[]): Promise<void> {
    const unowned = logs.filter((log) => !owners.ownsLog(log));
    result.skipped += logs.length - unowned.length;
    const entries = unowned.map((log) => ({ path: artifacts.logs.pathOf(log), reason: "orphan" }));
    await ledger?.announce("purge", entries);
    for (const log of unowned) {
      if (signal.aborted) break;
      const outcome = artifacts.logs.remove(log.taskId, [log.hour], olderThan);
      for (const reason of outcome.reasons) reporter.warn(`a log is kept: ${reason}`);
      if (outcome.files === 0) result.skipped++;
      else await report(artifacts.logs.pathOf(log), outcome);
      await artifacts.turn();
    }
  }

  const { folders, logs } = await find();
  if (!dryRun) {
    checkBrake(folders.length + logs.length, result.found, maxDelete, { what: "artifact", verb: "remove" });
    try {
      await inBatches(folders, removeFolders);
      skips.end();
      if (logs.length > 0 && !signal.aborted) await owners.readAgain();
      await inBatches(logs, removeLogs);
    } finally {
      await flush();
      const withRecords = (users: readonly string[]) => usersWithRecords(owners.refresh, users);
      if (!signal.aborted) await artifacts.sweep({ before: olderThan, now: clock.now(), withRecords });
    }
  }
  return { ...result, durationMs: Math.round((clock.monotonic() - started) * 1000) };
}

/**
 * The owners of all artifacts: the records of both stores, valid or not. In Redis a hash is one even if no index has it; deleted records count
 * until the end. Both stores are asked again before each batch of folders, and read again before the logs: a new task keeps its artifacts.
 */
async function readOwners({ artifacts, file, mirror, signal }: OrphanParts, current: CurrentFile, first: Snapshot) {
  const owners = new Owners(file.rules);
  let known = first;
  /** Names from records of the file that have a task id without a user, or a user without a task id. */
  let [ownerless, taskless]: ReadonlySet<string>[] = [];

  /** @throws TtsctlError STORE_INVALID if the file ends inside a record, which may be the only one of its task */
  async function addFile(snapshot: Snapshot): Promise<void> {
    const { invalid, rules } = snapshot;
    refuseCut(snapshot, "its artifacts would be without one");
    known = snapshot;
    [ownerless, taskless] = [invalid.ownerless, invalid.taskless].map(
      (ids) => new Set([...ids].flatMap(rules.namesOf)),
    );
    await owners.addFile(snapshot, true);
  }

  /** The content of the file now, whose records were added. */
  async function refresh(): Promise<Snapshot> {
    const snapshot = await current.snapshot();
    if (snapshot !== known) await addFile(snapshot);
    return snapshot;
  }

  async function addRedis(signal?: AbortSignal): Promise<void> {
    const snapshot = known;
    for await (const { tasks } of mirror.walkKeys()) {
      if (signal !== undefined) throwIfInterrupted(signal, NOTHING_REMOVED);
      const others = tasks.map(trimmed).filter((id) => !snapshot.holds(id));
      await owners.addRedis(mirror, others, snapshot);
    }
    const { others } = await survey(snapshot, [], mirror, (_, isAhead, inFile) => inFile && isAhead);
    await owners.addRedis(mirror, others.ids(), snapshot);
  }

  /** If only one id of an invalid record can be read, it owns every folder with that id. */
  function ownsFolder(folder: TaskId): boolean {
    const name = trimmed(folder);
    if (ownerless!.has(name.taskId) || taskless!.has(name.userId)) return true;
    return owners.owns(name, (other) => artifacts.areOne(folder, other));
  }

  /** Users may share a task id, and then its logs. */
  function ownsLog(log: LogPlace): boolean {
    return owners.owns(logName(trimId(log.taskId)), (other) => artifacts.logs.areOne(log, other.taskId));
  }

  /** The folders that have no record in either store now. If names aren't ids, Redis can't be asked. */
  async function stillUnowned(folders: readonly TaskId[]): Promise<Set<TaskId>> {
    const copies = file.rules.isPublished ? [] : await mirror.copies(folders.map(trimmed), "state");
    // The service writes the file first, so the file has what is added after Redis was asked.
    await refresh();
    return new Set(folders.filter((folder, i) => !mayExist(copies[i]) && !ownsFolder(folder)));
  }

  // After the names of all artifacts.
  await artifacts.walkFolders((userId, taskId) => void owners.watch(trimmed({ userId, taskId })));
  await artifacts.logs.walk(({ taskId }) => void owners.watch(logName(trimId(taskId))));
  await addFile(first);
  await refresh();
  await addRedis(signal);
  return { refresh, readAgain: () => refresh().then(() => addRedis()), ownsFolder, ownsLog, stillUnowned };
}

function trimmed({ userId, taskId }: TaskId): TaskId {
  return { userId: trimId(userId), taskId: trimId(taskId) };
}

/** Whether a look at Redis showed a record or an index member, or failed. */
function mayExist(copy: Outcome<RedisCopy> | undefined): boolean {
  if (copy === undefined || copy instanceof TtsctlError) return copy !== undefined;
  return copy.type === "hash" || copy.indexScore !== null;
}
