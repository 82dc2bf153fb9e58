import type { Snapshot } from "../../store/file/snapshot.ts";
import { grown, KeyTable } from "../../store/key-table.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { RecordRules } from "../../task/rules.ts";

/**
 * How many records, of either store, a log or a folder belongs to: they stay until the last of those goes. Users may
 * share a task id, and then its logs; in some layouts different ids have one name besides. Only what may be purged is counted.
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
    for (const taskId of snapshot.invalid.ownerless) this.#logs.add("", this.#rules.nameOf(taskId));
  }

  /** The same of tasks that the file does not have. */
  countOthers(others: KeyTable): void {
    for (let key = 0; key < others.size; key++) this.#add(others.userId(key), others.taskId(key));
  }

  /** Notes a task that may be purged. */
  want({ userId, taskId }: TaskId): void {
    const log = this.#rules.nameOf(taskId);
    this.#logs.want("", log);
    if (this.#rules.sharesFolders) this.#folders.want(this.#rules.nameOf(userId), log);
  }

  /** Whether a log, by its name, is that of a task that may be purged. Of a folder that is shared so is the log. */
  wantsLog(name: string): boolean {
    return this.#logs.has("", name);
  }

  /** Notes that one owner of a log goes; true if it was the last. */
  releaseLog({ taskId }: TaskId): boolean {
    return this.#logs.release("", this.#rules.nameOf(taskId));
  }

  /** The same of a folder. */
  releaseFolder({ userId, taskId }: TaskId): boolean {
    const { sharesFolders } = this.#rules;
    return !sharesFolders || this.#folders.release(this.#rules.nameOf(userId), this.#rules.nameOf(taskId));
  }

  #add(userId: string, taskId: string): void {
    const log = this.#rules.nameOf(taskId);
    this.#logs.add("", log);
    if (this.#rules.sharesFolders) this.#folders.add(this.#rules.nameOf(userId), log);
  }
}

/** How many owners names have, of those that are wanted. */
class Counts {
  readonly #names = new KeyTable();
  #counts = new Uint32Array(1 << 10);

  want(user: string, task: string): void {
    const key = this.#names.addId(user, task);
    if (key === this.#counts.length) this.#counts = grown(this.#counts);
  }

  has(user: string, task: string): boolean {
    return this.#names.find(user, task) >= 0;
  }

  add(user: string, task: string): void {
    const key = this.#names.find(user, task);
    if (key >= 0) this.#counts[key]!++;
  }

  release(user: string, task: string): boolean {
    const key = this.#names.find(user, task);
    if (key < 0 || this.#counts[key]! <= 1) return true;
    this.#counts[key]!--;
    return false;
  }
}
