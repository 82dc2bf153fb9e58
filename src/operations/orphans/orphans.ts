import type { LogPlace } from "../../artifacts/artifacts.ts";
import { throwIfInterrupted } from "../../errors.ts";
import { batches } from "../../pool.ts";
import { KeyTable } from "../../store/key-table.ts";
import { BATCH } from "../../store/redis/copies.ts";
import type { TaskId } from "../../store/task-source.ts";
import { formatUtc } from "../../task/time.ts";
import { checkBrake, type MaxDelete } from "../brake.ts";
import { announced } from "../ledger.ts";
import type { RedisParts } from "../parts.ts";
import { bothOf, preflight } from "../preflight.ts";
import { recoverArtifacts } from "../purge/purge-artifacts.ts";
import { NamedWarnings, type Orphan } from "../reporter.ts";
import { storeEmpty } from "../safety.ts";
import { NOTHING_REMOVED, RecordsOfBoth } from "./owners.ts";

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
  readonly maxDelete: MaxDelete;
}

/**
 * Finds artifacts that no record in either store owns and that are older than the retention, and unless it is a dry run
 * removes them (docs/contract.md, Whose directory is it). The caller then holds the run lock.
 * @throws TtsctlError STORE_*, REDIS_*, CLOCK_SKEW, LAYOUT_MISMATCH, TIMEZONE_MISMATCH, MAX_DELETE_EXCEEDED and INTERRUPTED before the first removal
 */
export async function cleanUpOrphans(parts: OrphanParts, options: OrphanOptions): Promise<OrphanResult> {
  const started = parts.clock.monotonic();
  const olderThan = parts.clock.now() - options.retention;
  const owners = await RecordsOfBoth.read(parts, async (snapshot) => {
    if (snapshot.size === 0) throw storeEmpty(snapshot, ": every artifact would be without a record", "");
    bothOf(await preflight(parts, "orphans", { snapshot, age: options.retention }));
  });
  try {
    if (!options.dryRun) recoverArtifacts(parts);
    const cleanup = new OrphanCleanup(parts, owners, olderThan, options.dryRun);
    await cleanup.find();
    if (!options.dryRun) await cleanup.remove(options.maxDelete);
    return { ...cleanup.result, durationMs: Math.round((parts.clock.monotonic() - started) * 1000) };
  } finally {
    await owners.close();
  }
}

/** How many things that are left alone are named. */
const NAMED = 10;

/**
 * Removes orphans in batches. A task that the service creates during the run keeps its artifacts: both stores are asked
 * again before each batch of folders, and read again before the logs.
 */
class OrphanCleanup {
  readonly result: OrphanResult;
  readonly #parts: OrphanParts;
  readonly #owners: RecordsOfBoth;
  /** Epoch seconds: artifacts with anything newer aren't orphans yet. */
  readonly #olderThan: number;
  /** The artifacts found, by name: there may be a million. */
  readonly #folders = new KeyTable();
  /** The hour in place of the user. */
  readonly #logs = new KeyTable();
  readonly #skips: NamedWarnings;
  #unreported: Orphan[] = [];

  constructor(parts: OrphanParts, owners: RecordsOfBoth, olderThan: number, dryRun: boolean) {
    this.#parts = parts;
    this.#owners = owners;
    this.#olderThan = olderThan;
    this.#skips = new NamedWarnings(parts.reporter, "was skipped");
    this.result = noOrphans(olderThan, dryRun);
  }

  /** Walks over both roots once. A dry run reports what it finds. */
  async find(): Promise<void> {
    const { result } = this;
    const { artifacts, reporter } = this.#parts;
    const leave = (line: string) => {
      result.unknown++;
      if (result.unknown <= NAMED) reporter.warn(line);
    };
    const visit = async (userId: string, taskId: string) => {
      this.#countFound();
      if (this.#owners.ownsFolder({ userId, taskId })) return;
      const folder = artifacts.measureFolder(userId, taskId, { mtime: this.#olderThan });
      if (folder.kind === "removed") {
        this.#folders.addId(userId, taskId);
        if (result.dryRun) await this.#report(artifacts.folderPath(userId, taskId), folder);
      } else if (folder.kind === "kept" && folder.newer) result.young++;
      else if (folder.kind === "kept") leave(`left alone: ${folder.reason}`);
    };
    const unread = await artifacts.walkFolders(visit, (path) => leave(`left alone: ${path} isn't a task's directory`));
    const skipped = await artifacts.logs.walk(async (log) => {
      this.#countFound();
      if (this.#owners.ownsLog(log)) return;
      if (log.changedAt > this.#olderThan) result.young++;
      else {
        this.#logs.addId(log.hour, log.taskId);
        if (result.dryRun) await this.#report(artifacts.logs.pathOf(log), { files: 1, bytes: log.bytes });
      }
    });
    for (const reason of [...unread, ...skipped]) leave(`skipped: ${reason}`);
    if (result.unknown > NAMED) reporter.warn(`left alone, and not named: ${result.unknown - NAMED} more`);
    result.folders = this.#folders.size;
    result.logs = this.#logs.size;
    await this.#flush();
  }

  /** @throws TtsctlError MAX_DELETE_EXCEEDED before the first removal */
  async remove(maxDelete: MaxDelete): Promise<void> {
    const { artifacts, clock, signal } = this.#parts;
    const braked = { what: "artifact", verb: "remove" };
    checkBrake(this.#folders.size + this.#logs.size, this.result.found, maxDelete, braked);
    try {
      await this.#removeAll();
    } finally {
      await this.#flush();
      const withRecords = (users: readonly string[]) => this.#owners.withRecords(users);
      if (!signal.aborted) await artifacts.sweep({ before: this.#olderThan, now: clock.now(), withRecords });
    }
  }

  async #removeAll(): Promise<void> {
    const { signal } = this.#parts;
    for (const ids of batches(this.#folders.ids(), BATCH)) {
      if (signal.aborted) return;
      await this.#removeFolders(ids);
      await this.#flush();
    }
    this.#skips.end();
    if (this.#logs.size > 0 && !signal.aborted) await this.#owners.readAgain();
    for (const keys of batches(this.#logs.ids(), BATCH)) {
      if (signal.aborted) return;
      await this.#removeLogs(keys.map(({ userId: hour, taskId }) => ({ hour, taskId })));
      await this.#flush();
    }
  }

  async #removeFolders(ids: readonly TaskId[]): Promise<void> {
    const { artifacts, ledger, signal } = this.#parts;
    const unowned = await this.#owners.stillUnowned(ids);
    for (const id of ids) if (!unowned.has(id)) this.#keep(id, "it has a record now");
    const entries = Array.from(unowned, (id) => ({ ...id, reason: "orphan" }));
    await announced(ledger, "purge", entries, async (done) => {
      for (const id of unowned) {
        if (signal.aborted) break;
        if (await this.#removeFolder(id)) done(id);
        await artifacts.turn();
      }
    });
    this.#progress();
  }

  async #removeFolder(id: TaskId): Promise<boolean> {
    const { artifacts, reporter } = this.#parts;
    const folder = artifacts.purgeFolder(id.userId, id.taskId, { mtime: this.#olderThan });
    if (folder.kind === "removed") {
      await this.#report(artifacts.folderPath(id.userId, id.taskId), folder);
      return true;
    }
    if (folder.kind === "absent") this.result.skipped++;
    else if (folder.retry) {
      this.result.failed++;
      reporter.warn(`not removed: ${folder.reason}`);
    } else this.#keep(id, folder.reason);
    return false;
  }

  async #removeLogs(logs: readonly LogPlace[]): Promise<void> {
    const { artifacts, ledger, reporter, signal } = this.#parts;
    const unowned = logs.filter((log) => !this.#owners.ownsLog(log));
    this.result.skipped += logs.length - unowned.length;
    const entries = unowned.map((log) => ({ path: artifacts.logs.pathOf(log), reason: "orphan" }));
    await ledger?.announce("purge", entries);
    for (const log of unowned) {
      if (signal.aborted) break;
      const outcome = artifacts.logs.remove(log.taskId, [log.hour], this.#olderThan);
      for (const reason of outcome.reasons) reporter.warn(`a log is kept: ${reason}`);
      if (outcome.files === 0) this.result.skipped++;
      else await this.#report(artifacts.logs.pathOf(log), outcome);
      await artifacts.turn();
    }
    this.#progress();
  }

  #countFound(): void {
    throwIfInterrupted(this.#parts.signal, NOTHING_REMOVED);
    this.result.found++;
    const { found } = this.result;
    if (found % 1000 === 0) this.#parts.reporter.progress("scanning", found, found);
  }

  /** Counts what was removed, or in a dry run would be. */
  async #report(path: string, { files, bytes }: { files: number; bytes: number }): Promise<void> {
    if (!this.result.dryRun) this.result.removed++;
    this.result.files += files;
    this.result.bytes += bytes;
    this.#unreported.push({ path, files, bytes });
    if (this.#unreported.length >= BATCH) await this.#flush();
  }

  async #flush(): Promise<void> {
    const orphans = this.#unreported;
    this.#unreported = [];
    await this.#parts.reporter.done("orphan", orphans, this.result.dryRun);
  }

  #keep(id: TaskId, reason: string): void {
    this.result.skipped++;
    this.#skips.add(id, reason);
  }

  #progress(): void {
    const { removed, skipped, failed, folders, logs } = this.result;
    this.#parts.reporter.progress("removing", removed + skipped + failed, folders + logs);
  }
}
