import type { FoundLog, LogPlace } from "../../artifacts/artifacts.ts";
import { throwIfInterrupted } from "../../errors.ts";
import { batches, pool } from "../../pool.ts";
import { Column, KeyTable } from "../../store/key-table.ts";
import { BATCH } from "../../store/redis/copies.ts";
import type { TaskId } from "../../store/task-source.ts";
import { formatUtc } from "../../task/time.ts";
import { checkBrake, type MaxDelete } from "../brake.ts";
import type { RedisParts } from "../parts.ts";
import { recoverArtifacts } from "../purge/purge-artifacts.ts";
import { NamedWarnings, type Orphan } from "../reporter.ts";
import { checkClock, checkReading, checkSameStore, storeEmpty } from "../safety.ts";
import { NOTHING_REMOVED, Owners } from "./owners.ts";

/**
 * Finds artifacts that no record in either store owns and that are older than the retention, and unless it is a dry run
 * removes them (SPEC section 6, Artifacts). The caller then holds the run lock.
 * @throws TtsctlError STORE_*, REDIS_*, CLOCK_SKEW, LAYOUT_MISMATCH, TIMEZONE_MISMATCH, MAX_DELETE_EXCEEDED and INTERRUPTED before the first removal
 */
export async function cleanUpOrphans(parts: OrphanParts, options: OrphanOptions): Promise<OrphanResult> {
  const started = parts.clock.monotonic();
  const olderThan = parts.clock.now() - options.retention;
  await checkClock(parts.mirror, parts.clock, options.retention);
  await checkReading(parts.mirror);
  if (!options.dryRun) await recoverArtifacts(parts);
  const owners = await Owners.read(parts);
  try {
    if (owners.snapshot.size === 0) throw storeEmpty(owners.snapshot, ": every artifact would be without a record");
    await checkSameStore(owners.snapshot, parts.mirror);
    const orphans = await findOrphans(parts, owners, olderThan);
    const result = resultOf(orphans, olderThan, options.dryRun);
    if (options.dryRun) await listOrphans(parts, orphans, result);
    else await remove(parts, owners, orphans, { olderThan, maxDelete: options.maxDelete, result });
    result.durationMs = Math.round((parts.clock.monotonic() - started) * 1000);
    return result;
  } finally {
    await owners.close();
  }
}

/** The result where nothing was removed. */
function resultOf(orphans: Orphans, olderThan: number, dryRun: boolean): OrphanResult {
  const { found, young, unknown, folders, logs } = orphans;
  return {
    olderThan: formatUtc(olderThan),
    found,
    folders: folders.size,
    logs: logs.size,
    young,
    unknown,
    removed: 0,
    skipped: 0,
    failed: 0,
    files: 0,
    bytes: 0,
    dryRun,
    durationMs: 0,
  };
}

async function listOrphans(parts: OrphanParts, orphans: Orphans, result: OrphanResult): Promise<void> {
  const { folders, folderSizes, logs, logSizes } = orphans;
  function* found(): Generator<Orphan> {
    for (let i = 0; i < folders.size; i++) {
      yield { path: parts.artifacts.folderPath(folders.userId(i), folders.taskId(i)), ...folderSizes.at(i) };
    }
    for (let i = 0; i < logs.size; i++) {
      yield { path: parts.artifacts.logPath({ hour: logs.userId(i), taskId: logs.taskId(i) }), ...logSizes.at(i) };
    }
  }
  for (const batch of batches(found(), 500)) {
    for (const { files, bytes } of batch) {
      result.files += files;
      result.bytes += bytes;
    }
    await parts.reporter.done("orphan", batch, true);
  }
}

async function remove(
  parts: OrphanParts,
  owners: Owners,
  orphans: Orphans,
  { olderThan, maxDelete, result }: { olderThan: number; maxDelete: MaxDelete; result: OrphanResult },
): Promise<void> {
  const braked = { what: "artifact", done: "removed", flag: "--max-delete" };
  checkBrake(orphans.folders.size + orphans.logs.size, orphans.found, maxDelete, braked);
  const removal = new OrphanRemoval(parts, owners, orphans, olderThan, result);
  try {
    await removal.run();
  } finally {
    const withRecords = (users: readonly string[]) => owners.withRecords(users);
    if (!parts.signal.aborted) await parts.artifacts.sweep({ before: olderThan, now: parts.clock.now(), withRecords });
  }
}

/** `cleanup --orphans -o json`. */
export interface OrphanResult {
  /** ISO 8601, UTC: artifacts that were changed later stay. */
  olderThan: string;
  /** All folders and logs of tasks, with a record or without. */
  found: number;
  /** Those without a record that are old enough. */
  folders: number;
  logs: number;
  /** Without a record, but younger. */
  young: number;
  /** Things in `output/` that are no folder of a task, or could not be looked at. */
  unknown: number;
  removed: number;
  skipped: number;
  failed: number;
  /** Removed, or in a dry run of those that would be. */
  files: number;
  bytes: number;
  dryRun: boolean;
  durationMs: number;
}

type OrphanParts = RedisParts<"file" | "artifacts" | "clock" | "reporter" | "signal" | "ledger">;

export interface OrphanOptions {
  /** Seconds; more than zero. */
  readonly retention: number;
  /** Only list them. */
  readonly dryRun: boolean;
  /** Of all artifacts found. */
  readonly maxDelete: MaxDelete;
}

/** How many things that are left alone are named before the rest is only counted. */
const NAMED = 10;

/** Artifacts without a record that are old enough; names and sizes alone, for there may be a million. */
class Orphans {
  readonly folders = new KeyTable();
  /** By number: files and bytes. */
  readonly folderSizes = new Sizes();
  /** The hour in place of the user. */
  readonly logs = new KeyTable();
  readonly logSizes = new Sizes();
  /** How many folders and logs there are in all, owned or not. */
  found = 0;
  /** Without a record, but changed within the retention. */
  young = 0;
  /** What is in `output/` and is no folder of a task, or cannot be looked at. */
  unknown = 0;
}

/** Files and bytes by number, in the order of adding. */
class Sizes {
  readonly #files = new Column(new Uint32Array(1 << 8));
  readonly #bytes = new Column(new Float64Array(1 << 8));
  size = 0;

  add(files: number, bytes: number): void {
    this.#files.set(this.size, files);
    this.#bytes.set(this.size++, bytes);
  }

  at(i: number): { files: number; bytes: number } {
    return { files: this.#files.at(i), bytes: this.#bytes.at(i) };
  }
}

/** Walks over both roots once. @param olderThan epoch seconds: what holds anything newer is no orphan yet */
async function findOrphans(
  { artifacts, reporter, signal }: Pick<OrphanParts, "artifacts" | "reporter" | "signal">,
  owners: Owners,
  olderThan: number,
): Promise<Orphans> {
  const orphans = new Orphans();
  const leave = (line: string) => {
    orphans.unknown++;
    if (orphans.unknown <= NAMED) reporter.warn(line);
  };
  await artifacts.walkFolders({
    folder: async (userId, taskId) => {
      throwIfInterrupted(signal, NOTHING_REMOVED);
      orphans.found++;
      if (orphans.found % 1000 === 0) reporter.progress("looking", orphans.found, orphans.found);
      if (owners.ownsFolder({ userId, taskId })) return;
      const folder = await artifacts.measureFolder(userId, taskId, olderThan);
      if (folder.kind === "removed") {
        orphans.folders.addId(userId, taskId);
        orphans.folderSizes.add(folder.files, folder.bytes);
      } else if (folder.kind === "kept" && folder.newer) orphans.young++;
      else if (folder.kind === "kept") leave(`left alone: ${folder.reason}`);
    },
    other: (path) => leave(`left alone: ${path} is no folder of a task`),
    unread: (reason) => leave(`not looked at: ${reason}`),
  });
  const skipped = await artifacts.walkLogs(
    () => true,
    (log) => {
      throwIfInterrupted(signal, NOTHING_REMOVED);
      addLog(orphans, owners, log, olderThan);
    },
  );
  for (const reason of skipped) leave(`not looked at: ${reason}`);
  if (orphans.unknown > NAMED) reporter.warn(`and ${orphans.unknown - NAMED} more things are left alone`);
  return orphans;
}

function addLog(
  orphans: Orphans,
  owners: Owners,
  { taskId, hour, bytes, changedAt }: FoundLog,
  olderThan: number,
): void {
  orphans.found++;
  if (owners.ownsLog(taskId)) return;
  if (changedAt > olderThan) orphans.young++;
  else {
    orphans.logs.addId(hour, taskId);
    orphans.logSizes.add(1, bytes);
  }
}

/** How many folders or logs are removed at once. */
const WIDTH = 16;

/**
 * Removes orphans in bounded batches. Before each batch of folders both stores are asked for records once more, so that a
 * task that the service creates meanwhile keeps its folder; before the logs both are read whole once more. A folder is
 * moved away, looked at, and put back if anything in it is new, as in a purge.
 */
class OrphanRemoval {
  readonly #parts: OrphanParts;
  readonly #owners: Owners;
  readonly #orphans: Orphans;
  /** Epoch seconds. */
  readonly #olderThan: number;
  readonly #result: OrphanResult;
  readonly #skips: NamedWarnings;
  /** Not reported yet. */
  #removed: Orphan[] = [];

  constructor(parts: OrphanParts, owners: Owners, orphans: Orphans, olderThan: number, result: OrphanResult) {
    this.#parts = parts;
    this.#owners = owners;
    this.#orphans = orphans;
    this.#olderThan = olderThan;
    this.#result = result;
    this.#skips = new NamedWarnings(parts.reporter, "keeps its folder");
  }

  async run(): Promise<void> {
    try {
      await this.#removeAll();
    } finally {
      await this.#flush();
    }
  }

  async #flush(): Promise<void> {
    const removed = this.#removed;
    this.#removed = [];
    await this.#parts.reporter.done("orphan", removed, false);
  }

  async #removeAll(): Promise<void> {
    for (const ids of batches(this.#orphans.folders.ids(), BATCH)) {
      if (this.#parts.signal.aborted) return;
      await this.#removeFolders(ids);
      await this.#flush();
    }
    this.#skips.end();
    if (this.#orphans.logs.size > 0 && !this.#parts.signal.aborted) await this.#owners.readAgain();
    for (const logs of batches(this.#logs(), BATCH)) {
      if (this.#parts.signal.aborted) return;
      await this.#removeLogs(logs);
      await this.#flush();
    }
  }

  *#logs(): Generator<LogPlace> {
    const { logs } = this.#orphans;
    for (let i = 0; i < logs.size; i++) yield { hour: logs.userId(i), taskId: logs.taskId(i) };
  }

  async #removeFolders(ids: readonly TaskId[]): Promise<void> {
    const unowned = await this.#owners.stillUnowned(ids);
    for (const id of ids) if (!unowned.has(id)) this.#keep(id, "there is a record of it now");
    await this.#parts.ledger?.announce(
      "purge",
      [...unowned].map((id) => ({ ...id, reason: "orphan" })),
    );
    const removed = new Set<TaskId>();
    const remove = async (id: TaskId) => {
      if (await this.#removeFolder(id)) removed.add(id);
    };
    await pool(unowned, WIDTH, remove, this.#parts.signal);
    await this.#parts.ledger?.stayed([...unowned].filter((id) => !removed.has(id)));
    this.#progress();
  }

  async #removeFolder(id: TaskId): Promise<boolean> {
    const { artifacts, reporter } = this.#parts;
    const folder = await artifacts.purgeFolder(id.userId, id.taskId, this.#olderThan);
    if (folder.kind === "removed") {
      this.#note(artifacts.folderPath(id.userId, id.taskId), folder);
      return true;
    }
    if (folder.kind === "absent") this.#result.skipped++;
    else if (folder.retry) {
      this.#result.failed++;
      reporter.warn(`not removed: ${folder.reason}`);
    } else this.#keep(id, folder.reason);
    return false;
  }

  async #removeLogs(logs: readonly LogPlace[]): Promise<void> {
    const { artifacts, ledger, reporter, signal } = this.#parts;
    const unowned = logs.filter(({ taskId }) => !this.#owners.ownsLog(taskId));
    this.#result.skipped += logs.length - unowned.length;
    await ledger?.announce(
      "purge",
      unowned.map((log) => ({ path: artifacts.logPath(log), reason: "orphan" })),
    );
    const remove = async (log: LogPlace) => {
      const outcome = await artifacts.removeLog(log, this.#olderThan);
      if (outcome.files > 0) return this.#note(artifacts.logPath(log), outcome);
      this.#result.skipped++;
      for (const reason of outcome.reasons) reporter.warn(`a log stays: ${reason}`);
    };
    await pool(unowned, WIDTH, remove, signal);
    this.#progress();
  }

  #note(path: string, { files, bytes }: { files: number; bytes: number }): void {
    this.#result.removed++;
    this.#result.files += files;
    this.#result.bytes += bytes;
    this.#removed.push({ path, files, bytes });
  }

  #keep({ userId, taskId }: TaskId, reason: string): void {
    this.#result.skipped++;
    this.#skips.add(userId, taskId, reason);
  }

  #progress(): void {
    const { removed, skipped, failed, folders, logs } = this.#result;
    this.#parts.reporter.progress("removing", removed + skipped + failed, folders + logs);
  }
}
