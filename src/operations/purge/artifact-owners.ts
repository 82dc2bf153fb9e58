import type { Snapshot } from "../../store/file/snapshot.ts";
import { Column, KeyTable } from "../../store/key-table.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { FolderName, RecordRules } from "../../task/rules.ts";

/**
 * How many records, of either store, a log or a folder belongs to: they stay until the last of those goes. Users may
 * share a task id, and then its logs; in some layouts a task has several names, and different ids one, besides. Only what may be purged is counted.
 */
export class ArtifactOwners {
  readonly #rules: RecordRules;
  readonly #logs = new Counts();
  readonly #folders = new Counts();

  constructor(rules: RecordRules) {
    this.#rules = rules;
  }

  /** Counts those in the file of all that is wanted so far. */
  countFile(snapshot: Snapshot): void {
    const { keys } = snapshot.rows;
    for (let key = 0; key < keys.size; key++) {
      if (snapshot.rows.liveRow(key) >= 0 || snapshot.rows.hasInvalid(key))
        this.#add(keys.userId(key), keys.taskId(key));
    }
    for (const name of [...snapshot.invalid.ownerless].flatMap(this.#rules.namesOf)) this.#logs.add("", name);
  }

  /** The same of tasks that the file does not have. */
  countOthers(others: KeyTable): void {
    for (let key = 0; key < others.size; key++) this.#add(others.userId(key), others.taskId(key));
  }

  /** Notes a task that may be purged. */
  want(id: TaskId): void {
    for (const name of this.#rules.namesOf(id.taskId)) this.#logs.want("", name);
    if (!this.#rules.sharesFolders) return;
    for (const { userId, taskId } of this.#rules.foldersOf(id)) this.#folders.want(userId, taskId);
  }

  /** Whether a log, by its name, is that of a task that may be purged. Of a folder that is shared so is the log. */
  wantsLog(name: string): boolean {
    return this.#logs.has("", name);
  }

  /** Notes that one owner of a log, by its name, goes; true if it was the last. */
  releaseLog(name: string): boolean {
    return this.#logs.release("", name);
  }

  /** The same of a folder. */
  releaseFolder({ userId, taskId }: FolderName): boolean {
    return !this.#rules.sharesFolders || this.#folders.release(userId, taskId);
  }

  #add(userId: string, taskId: string): void {
    for (const name of this.#rules.namesOf(taskId)) this.#logs.add("", name);
    if (!this.#rules.sharesFolders) return;
    for (const folder of this.#rules.foldersOf({ userId, taskId })) this.#folders.add(folder.userId, folder.taskId);
  }
}

/** How many owners names have, of those that are wanted. */
class Counts {
  readonly #names = new KeyTable();
  readonly #counts = new Column(new Uint32Array(1 << 10));

  want(user: string, task: string): void {
    this.#names.addId(user, task);
  }

  has(user: string, task: string): boolean {
    return this.#names.find(user, task) >= 0;
  }

  add(user: string, task: string): void {
    const key = this.#names.find(user, task);
    if (key >= 0) this.#counts.add(key, 1);
  }

  release(user: string, task: string): boolean {
    const key = this.#names.find(user, task);
    if (key < 0 || this.#counts.at(key) <= 1) return true;
    this.#counts.add(key, -1);
    return false;
  }
}
