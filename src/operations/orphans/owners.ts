import { TtsctlError, throwIfInterrupted } from "../../errors.ts";
import type { FileStore } from "../../store/file/file-store.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import type { RedisCopy } from "../../store/layout/copy.ts";
import type { Outcome } from "../../store/redis/copies.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import type { TaskId } from "../../store/task-source.ts";
import { trimId } from "../../task/ids.ts";
import { FolderNames, NOBODY, usersWithRecords } from "../folder-names.ts";
import type { RedisParts } from "../parts.ts";

/** Only whether there is an owner counts. */
const SOMEBODY = 0;

/** The report of an interruption before the first removal. */
export const NOTHING_REMOVED = "no artifact was removed";

/**
 * The records that own artifacts: all of both stores, valid or not. In Redis a hash is a record even if no index has it.
 * Records that were deleted during the run count too. Some 140 bytes a record.
 */
export class Owners {
  readonly #file: FileStore;
  readonly #mirror: Mirror;
  #snapshot: Snapshot;
  readonly #names: FolderNames;
  /** Names from records of the file that have a task id without a user, or a user without a task id. */
  #ownerless: ReadonlySet<string> = new Set();
  #taskless: ReadonlySet<string> = new Set();

  private constructor(file: FileStore, mirror: Mirror, snapshot: Snapshot) {
    this.#file = file;
    this.#mirror = mirror;
    this.#snapshot = snapshot;
    this.#names = new FolderNames(file.rules);
  }

  /** @throws TtsctlError STORE_*, REDIS_*, INTERRUPTED */
  static async read({ file, mirror, signal }: RedisParts<"file" | "signal">): Promise<Owners> {
    const owners = new Owners(file, mirror, await file.read(signal));
    try {
      owners.#addFile();
      await owners.#addRedis(signal);
      return owners;
    } catch (error) {
      await owners.close();
      throw error;
    }
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** If only one id of an invalid record can be read, it owns every folder with that id. */
  ownsFolder(folder: TaskId): boolean {
    const { userId, taskId } = trimmed(folder);
    if (this.#ownerless.has(taskId) || this.#taskless.has(userId)) return true;
    return this.#names.ownerOf(userId, taskId) !== NOBODY;
  }

  /** Users may share a task id, and then its logs. */
  ownsLog(taskId: string): boolean {
    const id = trimId(taskId);
    return this.#ownerless.has(id) || this.#names.ownerOfLog(id) !== NOBODY;
  }

  /** Reads both stores again. */
  async readAgain(): Promise<void> {
    await this.#refreshFile();
    await this.#addRedis();
  }

  /** The folders that have no record in either store now; at most BATCH. If names aren't ids, Redis can't be asked. */
  async stillUnowned(folders: readonly TaskId[]): Promise<Set<TaskId>> {
    const { sharesFolders } = this.#file.rules;
    const copies = sharesFolders ? [] : await this.#mirror.copies(folders.map(trimmed), "state");
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
    this.#addFile();
  }

  async #addRedis(signal?: AbortSignal): Promise<void> {
    for await (const { members } of this.#mirror.walkKeys()) {
      if (signal !== undefined) throwIfInterrupted(signal, NOTHING_REMOVED);
      for (const member of members) this.#add(trimmed(this.#mirror.layout.splitMember(member)));
    }
  }

  #addFile(): void {
    const { rows, invalid, rules } = this.#snapshot;
    this.#ownerless = new Set([...invalid.ownerless].flatMap(rules.namesOf));
    this.#taskless = new Set([...invalid.taskless].flatMap(rules.namesOf));
    for (const id of rows.keys.ids()) if (this.#snapshot.holds(id)) this.#add(id);
  }

  #add({ userId, taskId }: TaskId): void {
    this.#names.add(userId, taskId, SOMEBODY);
    this.#names.addLog(taskId, SOMEBODY);
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
