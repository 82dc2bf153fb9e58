import { isPlainName } from "../../artifacts/plain-name.ts";
import { TtsctlError, throwIfInterrupted } from "../../errors.ts";
import type { FileStore } from "../../store/file/file-store.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { KeyTable } from "../../store/key-table.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import { walkKeys } from "../../store/redis/walk.ts";
import type { TaskId } from "../../store/task-source.ts";
import { trimId } from "../../task/ids.ts";
import type { RecordRules } from "../../task/rules.ts";
import { usersWithRecords } from "../folder-names.ts";

/** What an interruption reports before the first removal. */
export const NOTHING_REMOVED = "no artifact was removed";

/**
 * Every record of both stores, valid or not, as what owns artifacts: both are read whole. In Redis a hash is a record
 * whether the index knows it or not. Some 80 bytes a record.
 */
export class Owners {
  readonly #file: FileStore;
  readonly #mirror: Mirror;
  readonly #rules: RecordRules;
  #snapshot: Snapshot;
  #inRedis = new KeyTable();
  #taskIds = new KeyTable();
  /** Of the file, where names are not ids. */
  #folders = new KeyTable();
  /** By name: of records in the file whose user, or task id, cannot be read. */
  #ownerless: ReadonlySet<string> = new Set();
  #taskless: ReadonlySet<string> = new Set();

  private constructor(file: FileStore, mirror: Mirror, snapshot: Snapshot) {
    this.#file = file;
    this.#mirror = mirror;
    this.#snapshot = snapshot;
    this.#rules = file.rules;
  }

  /** @throws TtsctlError STORE_*, REDIS_*, INTERRUPTED */
  static async read({
    file,
    mirror,
    signal,
  }: {
    readonly file: FileStore;
    readonly mirror: Mirror;
    readonly signal: AbortSignal;
  }): Promise<Owners> {
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

  /** The names of folders are taken as ids are: trimmed. */
  ownsFolder(folder: TaskId): boolean {
    const id = trimmed(folder);
    return this.#inFile(id) || this.#inRedis.find(id.userId, id.taskId) >= 0;
  }

  /** Users may share a task id, and then its logs. */
  ownsLog(taskId: string): boolean {
    const id = trimId(taskId);
    return this.#ownerless.has(id) || this.#taskIds.find("", id) >= 0;
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
    if (this.#rules.sharesFolders) {
      await this.#refreshFile();
      return new Set(folders.filter((folder) => !this.ownsFolder(folder)));
    }
    const copies = await this.#mirror.copies(folders.map(trimmed), "state");
    // The service writes the file first: what it adds between the two looks is in the file.
    await this.#refreshFile();
    return new Set(
      folders.filter((folder, i) => {
        const copy = copies[i]!;
        return !(
          copy instanceof TtsctlError ||
          copy.type === "hash" ||
          copy.indexScore !== null ||
          this.#inFile(trimmed(folder))
        );
      }),
    );
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

  /** Records that are not valid own what their ids name; where one id cannot be read, whatever the other may stand for. */
  #inFile(id: TaskId): boolean {
    const { userId, taskId } = id;
    const isThere = this.#rules.sharesFolders ? this.#folders.find(userId, taskId) >= 0 : this.#snapshot.holds(id);
    return isThere || this.#ownerless.has(taskId) || this.#taskless.has(userId);
  }

  async #refreshFile(): Promise<void> {
    if (await this.#file.isCurrent(this.#snapshot)) return;
    const fresh = await this.#file.read();
    await this.#snapshot.close();
    this.#snapshot = fresh;
    this.#collectTaskIds();
  }

  async #readRedis(signal?: AbortSignal): Promise<void> {
    const inRedis = new KeyTable();
    for await (const { members } of walkKeys(this.#mirror)) {
      if (signal !== undefined) throwIfInterrupted(signal, NOTHING_REMOVED);
      for (const member of members) {
        const id = trimmed(this.#mirror.layout.splitMember(member));
        for (const { userId, taskId } of this.#rules.foldersOf(id)) inRedis.addId(userId, taskId);
      }
    }
    this.#inRedis = inRedis;
    this.#collectTaskIds();
  }

  /** The names that the records of the file go by. */
  #collectTaskIds(): void {
    const taskIds = new KeyTable();
    const folders = new KeyTable();
    const { namesOf, foldersOf, sharesFolders } = this.#rules;
    const { rows, invalid } = this.#snapshot;
    const { keys } = rows;
    this.#ownerless = new Set([...invalid.ownerless].flatMap(namesOf));
    this.#taskless = new Set([...invalid.taskless].flatMap(namesOf));
    const add = (name: string) => {
      if (isPlainName(name)) taskIds.addId("", name);
    };
    for (let key = 0; key < keys.size; key++) {
      const id = keys.id(key);
      if (!this.#snapshot.holds(id)) continue;
      for (const name of namesOf(id.taskId)) add(name);
      if (sharesFolders) for (const { userId, taskId } of foldersOf(id)) folders.addId(userId, taskId);
    }
    for (let key = 0; key < this.#inRedis.size; key++) add(this.#inRedis.taskId(key));
    this.#taskIds = taskIds;
    this.#folders = folders;
  }
}

function trimmed({ userId, taskId }: TaskId): TaskId {
  return { userId: trimId(userId), taskId: trimId(taskId) };
}
