import type { Artifacts, LogPlace } from "../../artifacts/artifacts.ts";
import { TtsctlError, throwIfInterrupted } from "../../errors.ts";
import type { FileStore } from "../../store/file/file-store.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import type { RedisCopy } from "../../store/layout/copy.ts";
import type { Outcome } from "../../store/redis/copies.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import type { Member } from "../../store/redis/walk.ts";
import type { TaskId } from "../../store/task-source.ts";
import { trimId } from "../../task/ids.ts";
import { isAheadOf, logName, Owners, usersWithRecords } from "../owners.ts";
import type { RedisParts } from "../parts.ts";
import { survey } from "../purge/survey.ts";

type OwnerParts = RedisParts<"file" | "signal" | "artifacts">;

/** The report of an interruption before the first removal. */
export const NOTHING_REMOVED = "no artifact was removed";

/**
 * The records that own the artifacts that were found: all of both stores, valid or not. In Redis a hash is a record even if
 * no index has it. Records that were deleted during the run count too.
 */
export class RecordsOfBoth {
  readonly #file: FileStore;
  readonly #mirror: Mirror;
  readonly #artifacts: Artifacts;
  readonly #owners: Owners;
  #snapshot: Snapshot;
  /** Names from records of the file that have a task id without a user, or a user without a task id. */
  #ownerless: ReadonlySet<string> = new Set();
  #taskless: ReadonlySet<string> = new Set();

  private constructor({ file, mirror, artifacts }: OwnerParts, snapshot: Snapshot) {
    this.#file = file;
    this.#mirror = mirror;
    this.#artifacts = artifacts;
    this.#snapshot = snapshot;
    this.#owners = new Owners(file.rules);
  }

  /**
   * Reads both stores, after the names of all artifacts.
   * @param check may refuse the store file before that
   * @throws TtsctlError STORE_*, REDIS_*, INTERRUPTED
   */
  static async read(parts: OwnerParts, check: (file: Snapshot) => Promise<void>): Promise<RecordsOfBoth> {
    const { file, signal, artifacts } = parts;
    const records = new RecordsOfBoth(parts, await file.read(signal));
    try {
      await check(records.#snapshot);
      await artifacts.walkFolders((userId, taskId) => void records.#owners.watch(trimmed({ userId, taskId })));
      await artifacts.logs.walk(({ taskId }) => void records.#owners.watch(logName(trimId(taskId))));
      await records.#addFile();
      await records.#refreshFile();
      await records.#addRedis(signal);
      return records;
    } catch (error) {
      await records.close();
      throw error;
    }
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** If only one id of an invalid record can be read, it owns every folder with that id. */
  ownsFolder(folder: TaskId): boolean {
    const name = trimmed(folder);
    if (this.#ownerless.has(name.taskId) || this.#taskless.has(name.userId)) return true;
    return this.#owners.owns(name, (other) => this.#artifacts.areOne(folder, other));
  }

  /** Users may share a task id, and then its logs. */
  ownsLog(log: LogPlace): boolean {
    return this.#owners.owns(logName(trimId(log.taskId)), (other) => this.#artifacts.logs.areOne(log, other.taskId));
  }

  /** Reads both stores again. */
  async readAgain(): Promise<void> {
    await this.#refreshFile();
    await this.#addRedis();
  }

  /** The folders that have no record in either store now; at most BATCH. If names aren't ids, Redis can't be asked. */
  async stillUnowned(folders: readonly TaskId[]): Promise<Set<TaskId>> {
    const { isPublished } = this.#file.rules;
    const copies = isPublished ? [] : await this.#mirror.copies(folders.map(trimmed), "state");
    // The service writes the file first, so the file has what is added after Redis was asked.
    await this.#refreshFile();
    return new Set(folders.filter((folder, i) => !mayExist(copies[i]) && !this.ownsFolder(folder)));
  }

  /** Which of these users have a record in the file now. */
  withRecords(users: readonly string[]): Promise<ReadonlySet<string>> {
    const read = async () => {
      await this.#refreshFile();
      return this.#snapshot;
    };
    return usersWithRecords(read, users);
  }

  async close(): Promise<void> {
    await this.#snapshot.close();
  }

  async #refreshFile(): Promise<void> {
    if (await this.#file.isCurrent(this.#snapshot)) return;
    const fresh = await this.#file.read();
    await this.#snapshot.close();
    this.#snapshot = fresh;
    await this.#addFile();
  }

  async #addRedis(signal?: AbortSignal): Promise<void> {
    for await (const { members } of this.#mirror.walkKeys()) {
      if (signal !== undefined) throwIfInterrupted(signal, NOTHING_REMOVED);
      const ids = members.map((member) => trimmed(this.#mirror.layout.splitMember(member)));
      await this.#owners.addRedis(
        this.#mirror,
        ids.filter((id) => !this.#snapshot.holds(id)),
        this.#snapshot,
      );
    }
    const isAhead = (member: Member, inFile: boolean) => inFile && isAheadOf(this.#snapshot, member);
    const { others } = await survey(this.#snapshot, [], this.#mirror, isAhead);
    await this.#owners.addRedis(this.#mirror, others.ids(), this.#snapshot);
  }

  /** @throws TtsctlError STORE_INVALID if the file ends inside a record, which may be the only one of its task */
  async #addFile(): Promise<void> {
    const { invalid, rules, layout, path } = this.#snapshot;
    if (layout !== null && layout.unfinished !== null)
      throw new TtsctlError("STORE_INVALID", `${path} ends inside a record: its artifacts would be without one`, {
        hint: "run it again; if no service is appending, complete the last line or remove it",
      });
    this.#ownerless = new Set([...invalid.ownerless].flatMap(rules.namesOf));
    this.#taskless = new Set([...invalid.taskless].flatMap(rules.namesOf));
    await this.#owners.addFile(this.#snapshot, true);
  }
}

function trimmed({ userId, taskId }: TaskId): TaskId {
  return { userId: trimId(userId), taskId: trimId(taskId) };
}

/** Whether a look at Redis showed a record or an index member, or failed. */
function mayExist(copy: Outcome<RedisCopy> | undefined): boolean {
  if (copy === undefined || copy instanceof TtsctlError) return copy !== undefined;
  return copy.type === "hash" || copy.indexScore !== null;
}
