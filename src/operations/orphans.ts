import type { LogPlace } from "../artifacts/artifacts.ts";
import { TtsctlError, throwIfInterrupted } from "../errors.ts";
import { batches } from "../pool.ts";
import { CurrentFile } from "../store/file/shared-snapshot.ts";
import type { Snapshot } from "../store/file/snapshot.ts";
import type { RedisCopy } from "../store/layout/copy.ts";
import { BATCH, type Outcome } from "../store/redis/copies.ts";
import type { TaskId } from "../store/task-source.ts";
import { trimId } from "../task/ids.ts";
import { formatUtc } from "../task/time.ts";
import { checkBrake, type MaxDelete } from "./brake.ts";
import { announced } from "./ledger.ts";
import { isAheadOf, logName, Owners, usersWithRecords } from "./owners.ts";
import type { RedisParts } from "./parts.ts";
import { bothOf, preflight } from "./preflight.ts";
import { recoverArtifacts } from "./purge/purge-artifacts.ts";
import { survey } from "./purge/survey.ts";
import { NamedWarnings, type Orphan } from "./reporter.ts";
import { storeEmpty } from "./safety.ts";

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
 * Finds artifacts that no record in either store owns and that are older than the retention, and removes them unless it is a dry run
 * (docs/contract.md, Whose directory is it). The caller then holds the run lock. @throws TtsctlError, before the first removal
 */
export async function cleanUpOrphans(parts: OrphanParts, options: OrphanOptions): Promise<OrphanResult> {
  const started = parts.clock.monotonic();
  await using file = new CurrentFile(parts.file);
  const cleanup = new OrphanCleanup(parts, options, file);
  await cleanup.findOwners();
  if (!options.dryRun) recoverArtifacts(parts);
  await cleanup.find();
  if (!options.dryRun) await cleanup.remove();
  return { ...cleanup.result, durationMs: Math.round((parts.clock.monotonic() - started) * 1000) };
}

const NAMED = 10;

/** Both stores are asked again before each batch of folders, and read again before the logs: a new task keeps its artifacts. */
class OrphanCleanup {
  readonly result: OrphanResult;
  /** Epoch seconds: artifacts with anything newer aren't orphans yet. */
  readonly #olderThan: number;
  /** All records of both stores, valid or not. In Redis a hash is one even if no index has it. Deleted ones count until the end. */
  readonly #owners: Owners;
  #snapshot: Snapshot | undefined;
  /** Names from records of the file that have a task id without a user, or a user without a task id. */
  #ownerless: ReadonlySet<string> = new Set();
  #taskless: ReadonlySet<string> = new Set();
  readonly #folders: TaskId[] = [];
  readonly #logs: LogPlace[] = [];
  readonly #skips: NamedWarnings;
  readonly #unreported: Orphan[] = [];

  constructor(
    private readonly parts: OrphanParts,
    private readonly options: OrphanOptions,
    private readonly file: CurrentFile,
  ) {
    this.#olderThan = parts.clock.now() - options.retention;
    this.#owners = new Owners(parts.file.rules);
    this.#skips = new NamedWarnings(parts.reporter, "was skipped");
    this.result = noOrphans(this.#olderThan, options.dryRun);
  }

  /** Makes the checks, then reads both stores, after the names of all artifacts. */
  async findOwners(): Promise<void> {
    const { artifacts, signal } = this.parts;
    const snapshot = await this.file.snapshot();
    if (snapshot.size === 0) throw storeEmpty(snapshot, ": every artifact would be without a record", "");
    bothOf(await preflight(this.parts, "orphans", { snapshot, age: this.options.retention }));
    await artifacts.walkFolders((userId, taskId) => void this.#owners.watch(trimmed({ userId, taskId })));
    await artifacts.logs.walk(({ taskId }) => void this.#owners.watch(logName(trimId(taskId))));
    await this.#addFile(snapshot);
    await this.#refreshFile();
    await this.#addRedis(signal);
  }

  /** Walks over both roots once. A dry run reports what it finds. */
  async find(): Promise<void> {
    const { result } = this;
    const { artifacts, reporter } = this.parts;
    const leave = (line: string) => {
      result.unknown++;
      if (result.unknown <= NAMED) reporter.warn(line);
    };
    const visit = async (userId: string, taskId: string) => {
      this.#countFound();
      if (this.#ownsFolder({ userId, taskId })) return;
      const folder = artifacts.measureFolder(userId, taskId, { mtime: this.#olderThan });
      if (folder.kind === "removed") {
        this.#folders.push({ userId, taskId });
        if (result.dryRun) await this.#report(artifacts.folderPath(userId, taskId), folder);
      } else if (folder.kind === "kept" && folder.newer) result.young++;
      else if (folder.kind === "kept") leave(`left alone: ${folder.reason}`);
    };
    const unread = await artifacts.walkFolders(visit, (path) => leave(`left alone: ${path} isn't a task's directory`));
    const skipped = await artifacts.logs.walk(async ({ hour, taskId, bytes, changedAt }) => {
      const log = { hour, taskId };
      this.#countFound();
      if (this.#ownsLog(log)) return;
      if (changedAt > this.#olderThan) result.young++;
      else {
        this.#logs.push(log);
        if (result.dryRun) await this.#report(artifacts.logs.pathOf(log), { files: 1, bytes });
      }
    });
    for (const reason of [...unread, ...skipped]) leave(`skipped: ${reason}`);
    if (result.unknown > NAMED) reporter.warn(`left alone, and not named: ${result.unknown - NAMED} more`);
    result.folders = this.#folders.length;
    result.logs = this.#logs.length;
    await this.#flush();
  }

  /** @throws TtsctlError MAX_DELETE_EXCEEDED before the first removal */
  async remove(): Promise<void> {
    const { artifacts, clock, signal } = this.parts;
    const { found, folders, logs } = this.result;
    checkBrake(folders + logs, found, this.options.maxDelete, { what: "artifact", verb: "remove" });
    try {
      await this.#inBatches(this.#folders, (batch) => this.#removeFolders(batch));
      this.#skips.end();
      if (logs > 0 && !signal.aborted) {
        await this.#refreshFile();
        await this.#addRedis();
      }
      await this.#inBatches(this.#logs, (batch) => this.#removeLogs(batch));
    } finally {
      await this.#flush();
      const withRecords = (users: readonly string[]) => usersWithRecords(() => this.#refreshFile(), users);
      if (!signal.aborted) await artifacts.sweep({ before: this.#olderThan, now: clock.now(), withRecords });
    }
  }

  async #inBatches<T>(items: readonly T[], remove: (batch: T[]) => Promise<void>): Promise<void> {
    for (const batch of batches(items, BATCH)) {
      if (this.parts.signal.aborted) return;
      await remove(batch);
      const { removed, skipped, failed, folders, logs } = this.result;
      this.parts.reporter.progress("removing", removed + skipped + failed, folders + logs);
      await this.#flush();
    }
  }

  async #removeFolders(ids: readonly TaskId[]): Promise<void> {
    const { artifacts, ledger, reporter, signal } = this.parts;
    const unowned = await this.#stillUnowned(ids);
    for (const id of ids) if (!unowned.has(id)) this.#keep(id, "it has a record now");
    const entries = Array.from(unowned, (id) => ({ ...id, reason: "orphan" }));
    await announced(ledger, "purge", entries, async (done) => {
      for (const id of unowned) {
        if (signal.aborted) break;
        const folder = artifacts.purgeFolder(id.userId, id.taskId, { mtime: this.#olderThan });
        if (folder.kind === "removed") {
          await this.#report(artifacts.folderPath(id.userId, id.taskId), folder);
          done(id);
        } else if (folder.kind === "absent") this.result.skipped++;
        else if (folder.retry) {
          this.result.failed++;
          reporter.warn(`not removed: ${folder.reason}`);
        } else this.#keep(id, folder.reason);
        await artifacts.turn();
      }
    });
  }

  /** The folders that have no record in either store now. If names aren't ids, Redis can't be asked. */
  async #stillUnowned(folders: readonly TaskId[]): Promise<Set<TaskId>> {
    const { file, mirror } = this.parts;
    const copies = file.rules.isPublished ? [] : await mirror.copies(folders.map(trimmed), "state");
    // The service writes the file first, so the file has what is added after Redis was asked.
    await this.#refreshFile();
    return new Set(folders.filter((folder, i) => !mayExist(copies[i]) && !this.#ownsFolder(folder)));
  }

  async #removeLogs(logs: readonly LogPlace[]): Promise<void> {
    const { artifacts, ledger, reporter, signal } = this.parts;
    const unowned = logs.filter((log) => !this.#ownsLog(log));
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
  }

  /** If only one id of an invalid record can be read, it owns every folder with that id. */
  #ownsFolder(folder: TaskId): boolean {
    const name = trimmed(folder);
    if (this.#ownerless.has(name.taskId) || this.#taskless.has(name.userId)) return true;
    return this.#owners.owns(name, (other) => this.parts.artifacts.areOne(folder, other));
  }

  /** Users may share a task id, and then its logs. */
  #ownsLog(log: LogPlace): boolean {
    const { logs } = this.parts.artifacts;
    return this.#owners.owns(logName(trimId(log.taskId)), (other) => logs.areOne(log, other.taskId));
  }

  /** The content of the file now, whose records were added. */
  async #refreshFile(): Promise<Snapshot> {
    const current = await this.file.snapshot();
    if (current !== this.#snapshot) await this.#addFile(current);
    return current;
  }

  /** @throws TtsctlError STORE_INVALID if the file ends inside a record, which may be the only one of its task */
  async #addFile(snapshot: Snapshot): Promise<void> {
    const { invalid, rules, layout, path } = snapshot;
    if (layout !== null && layout.unfinished !== null)
      throw new TtsctlError("STORE_INVALID", `${path} ends inside a record: its artifacts would be without one`, {
        hint: "run it again; if no service is appending, complete the last line or remove it",
      });
    this.#snapshot = snapshot;
    this.#ownerless = new Set([...invalid.ownerless].flatMap(rules.namesOf));
    this.#taskless = new Set([...invalid.taskless].flatMap(rules.namesOf));
    await this.#owners.addFile(snapshot, true);
  }

  async #addRedis(signal?: AbortSignal): Promise<void> {
    const { mirror } = this.parts;
    const snapshot = this.#snapshot!;
    for await (const { members } of mirror.walkKeys()) {
      if (signal !== undefined) throwIfInterrupted(signal, NOTHING_REMOVED);
      const ids = members.map((member) => trimmed(mirror.layout.splitMember(member)));
      const others = ids.filter((id) => !snapshot.holds(id));
      await this.#owners.addRedis(mirror, others, snapshot);
    }
    const { others } = await survey(snapshot, [], mirror, (member, inFile) => inFile && isAheadOf(snapshot, member));
    await this.#owners.addRedis(mirror, others.ids(), snapshot);
  }

  #countFound(): void {
    throwIfInterrupted(this.parts.signal, NOTHING_REMOVED);
    const found = ++this.result.found;
    if (found % 1000 === 0) this.parts.reporter.progress("scanning", found, found);
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
    await this.parts.reporter.done("orphan", this.#unreported.splice(0), this.result.dryRun);
  }

  #keep(id: TaskId, reason: string): void {
    this.result.skipped++;
    this.#skips.add(id, reason);
  }
}

const NOTHING_REMOVED = "no artifact was removed";

function trimmed({ userId, taskId }: TaskId): TaskId {
  return { userId: trimId(userId), taskId: trimId(taskId) };
}

/** Whether a look at Redis showed a record or an index member, or failed. */
function mayExist(copy: Outcome<RedisCopy> | undefined): boolean {
  if (copy === undefined || copy instanceof TtsctlError) return copy !== undefined;
  return copy.type === "hash" || copy.indexScore !== null;
}
