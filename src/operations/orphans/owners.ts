import { TtsctlError, throwIfInterrupted } from "../../errors.ts";
import type { FileStore } from "../../store/file/file-store.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { KeyTable } from "../../store/key-table.ts";
import type { RedisCopy } from "../../store/layout/copy.ts";
import type { Outcome } from "../../store/redis/copies.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import type { TaskId } from "../../store/task-source.ts";
import { trimId } from "../../task/ids.ts";
import { usersWithRecords } from "../folder-names.ts";
import type { RedisParts } from "../parts.ts";

/** What an interruption reports before the first removal. */
export const NOTHING_REMOVED = "no artifact was removed";

/**
 * Every record of both stores, valid or not, as what owns artifacts: both are read whole. In Redis a hash is a record
 * whether the index knows it or not. Some 140 bytes a record.
 */
export class Owners {
  readonly #file: FileStore;
  readonly #mirror: Mirror;
  #snapshot: Snapshot;
  /** By name: the folders of the records in Redis. */
  #inRedis = new KeyTable();
  /** By name: the folders of the records in the file, and without a user the logs of all records. */
  #names = new KeyTable();
  /** By name: of records in the file whose user, or task id, cannot be read. */
  #ownerless: ReadonlySet<string> = new Set();
  #taskless: ReadonlySet<string> = new Set();

  private constructor(file: FileStore, mirror: Mirror, snapshot: Snapshot) {
    this.#file = file;
    this.#mirror = mirror;
    this.#snapshot = snapshot;
  }

  /** @throws TtsctlError STORE_*, REDIS_*, INTERRUPTED */
  static async read({ file, mirror, signal }: RedisParts<"file" | "signal">): Promise<Owners> {
    const owners = new Owners(file, mirror, await file.read(signal));
    try {
      await owners.#readRedis(signal);
      return owners;
    } catch (error) {
      await owners.close();
      throw error;
    }
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /**
   * The names of folders are taken as ids are: trimmed. Records that are not valid own what their ids name; where one id
   * cannot be read, whatever the other may stand for.
   */
  ownsFolder(folder: TaskId): boolean {
    const { userId, taskId } = trimmed(folder);
    if (this.#ownerless.has(taskId) || this.#taskless.has(userId)) return true;
    return this.#names.find(userId, taskId) >= 0 || this.#inRedis.find(userId, taskId) >= 0;
  }

  /** Users may share a task id, and then its logs. */
  ownsLog(taskId: string): boolean {
    const id = trimId(taskId);
    return this.#ownerless.has(id) || this.#names.find("", id) >= 0;
  }

  /** Reads both stores whole once more. */
  async readAgain(): Promise<void> {
    await this.#refreshFile();
    await this.#readRedis();
  }

  /**
   * Those of some folders that still have no record, by a look at both stores now. At most BATCH. Where names are not
   * ids, Redis cannot be asked for them: what the service adds is in the file, which it writes first.
   */
  async stillUnowned(folders: readonly TaskId[]): Promise<Set<TaskId>> {
    const { sharesFolders } = this.#file.rules;
    const copies = sharesFolders ? [] : await this.#mirror.copies(folders.map(trimmed), "state");
    // The service writes the file first: what it adds between the two looks is in the file.
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
    this.#collectNames();
  }

  async #readRedis(signal?: AbortSignal): Promise<void> {
    const inRedis = new KeyTable();
    for await (const { members } of this.#mirror.walkKeys()) {
      if (signal !== undefined) throwIfInterrupted(signal, NOTHING_REMOVED);
      for (const member of members) {
        const id = trimmed(this.#mirror.layout.splitMember(member));
        for (const { userId, taskId } of this.#file.rules.foldersOf(id)) inRedis.addId(userId, taskId);
      }
    }
    this.#inRedis = inRedis;
    this.#collectNames();
  }

  #collectNames(): void {
    const names = new KeyTable();
    const { namesOf, foldersOf } = this.#file.rules;
    const { rows, invalid } = this.#snapshot;
    this.#ownerless = new Set([...invalid.ownerless].flatMap(namesOf));
    this.#taskless = new Set([...invalid.taskless].flatMap(namesOf));
    for (const id of rows.keys.ids()) {
      if (!this.#snapshot.holds(id)) continue;
      for (const name of namesOf(id.taskId)) names.addId("", name);
      for (const { userId, taskId } of foldersOf(id)) names.addId(userId, taskId);
    }
    for (let key = 0; key < this.#inRedis.size; key++) names.addTaskOf(this.#inRedis, key);
    this.#names = names;
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
