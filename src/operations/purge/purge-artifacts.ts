import type { Artifacts, FolderOutcome, LogIndex, SweepRules } from "../../artifacts/artifacts.ts";
import { isPlainName } from "../../artifacts/plain-name.ts";
import type { FileStore } from "../../store/file/file-store.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { Column, KeyTable } from "../../store/key-table.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { FolderName, RecordRules } from "../../task/rules.ts";
import type { Reporter } from "../reporter.ts";
import { type Freed, NONE_FREED } from "./decide.ts";
import type { Tally } from "./tally.ts";

/** Files get the time of the kernel's last tick, 10 ms at 100 Hz, which may lie before a `now` that was read earlier. */
const TICK_S = 0.02;

/** Artifacts later than this were written after `now`, epoch seconds. */
export function newestArtifact(now: number): number {
  return now - TICK_S;
}

/** The disk's part in a purge: the folders and logs of tasks that go, and whether one means that its task stays. */
export class PurgeArtifacts {
  readonly #artifacts: Artifacts;
  readonly #makeOwners: () => ArtifactOwners;
  readonly #tally: Tally;
  readonly #reporter: Reporter;
  /** Artifacts later than this were written during the pass, and stay. Epoch seconds. */
  readonly #newest: number;
  readonly #rules: RecordRules;
  /** Tasks that share the log, or the folder, with a task that stays. */
  #sharedLogs = 0;
  #sharedFolders = 0;
  #logs: LogIndex | undefined;
  #madeOwners: ArtifactOwners | undefined;

  /**
   * @param makeOwners counts the owners of the artifacts of every task that may go
   * @param now epoch seconds, when the pass began
   */
  constructor(
    parts: { readonly artifacts: Artifacts; readonly reporter: Reporter; readonly file: FileStore },
    makeOwners: () => ArtifactOwners,
    tally: Tally,
    now: number,
  ) {
    this.#artifacts = parts.artifacts;
    this.#reporter = parts.reporter;
    this.#makeOwners = makeOwners;
    this.#rules = parts.file.rules;
    this.#tally = tally;
    this.#newest = newestArtifact(now);
  }

  /**
   * Finds the logs of every task that may go. To be called before anything else.
   * @param onlyInRedis lists the tasks that the file does not have, those that are wanted at least. It takes its time, and
   *   is asked for only where it matters
   */
  async open(onlyInRedis: (isWanted: (id: TaskId) => boolean) => Promise<KeyTable>): Promise<void> {
    this.#logs = await this.#artifacts.indexLogs((name) => this.#owners.wantsLog(name));
    for (const reason of this.#logs.skipped) this.#reporter.warn(`logs not looked at: ${reason}`);
    if (this.#logs.size === 0 && !this.#rules.sharesFolders) return;
    this.#owners.countOthers(
      await onlyInRedis(({ taskId }) => this.#namesOf(taskId).some((name) => this.#owners.wantsLog(name))),
    );
  }

  /** Made when it is first asked for: where there are no artifacts nobody asks. */
  get #owners(): ArtifactOwners {
    this.#madeOwners ??= this.#makeOwners();
    return this.#madeOwners;
  }

  /** Whether any task that may go may have something on the disk. */
  get mayBeThere(): boolean {
    return this.#artifacts.hasOutput || this.#logs!.size > 0;
  }

  /** Whether the disk is to be asked for a task, or something is to be said of it. */
  concerns({ userId, taskId }: TaskId): boolean {
    return this.mayBeThere || this.#artifacts.whyNever(userId, taskId) !== undefined;
  }

  /**
   * Removes the folder of a task and then its logs; undefined where what is in the folder keeps the task, or a log could
   * not be removed: the record stays for the next pass, since nothing else leads to the log.
   */
  async remove(id: TaskId): Promise<Freed | undefined> {
    const folders = await this.#ownFolders(id);
    // Of several folders none is removed if one of them keeps the task.
    if (folders.length > 1) {
      const held = (await this.#measureAll(folders)).find(keepsTask);
      if (held !== undefined && this.#holdsBack(id, held)) return undefined;
    }
    const freed: Freed[] = [];
    for (const { userId, taskId } of folders) {
      const folder = await this.#artifacts.purgeFolder(userId, taskId, this.#newest);
      if (this.#holdsBack(id, folder)) return undefined;
      if (folder.kind === "removed") freed.push(folder);
    }
    const logs = await this.#removeLogs(id);
    return logs && sum([...freed, ...logs]);
  }

  /** What `remove` would do; undefined where the task would stay. */
  async measure(id: TaskId): Promise<Freed | undefined> {
    const folders = await this.#measureAll(await this.#ownFolders(id));
    const held = folders.find(keepsTask);
    if (held !== undefined) {
      this.#tally.keep(id, held.reason);
      return undefined;
    }
    const freed: Freed[] = folders.filter((folder) => folder.kind === "removed");
    for (const name of this.#namesOf(id.taskId)) {
      if (this.#owners.releaseLog(name)) freed.push(await this.#logs!.measure(name, this.#newest));
    }
    return sum(freed);
  }

  /** Removes the folders that the pass emptied. */
  async sweep(rules: SweepRules): Promise<void> {
    await this.#artifacts.sweep(rules);
  }

  /** Says what was left for the sake of other tasks. */
  end(): void {
    if (this.#sharedLogs > 0) {
      this.#reporter.warn(`the logs of ${this.#sharedLogs} purged tasks stay: other tasks have the same`);
    }
    if (this.#sharedFolders > 0) {
      this.#reporter.warn(`the folders of ${this.#sharedFolders} purged tasks stay: other tasks have the same`);
    }
  }

  /** The folders that are the task's alone: one that another task owns too stays. */
  async #ownFolders(id: TaskId): Promise<FolderName[]> {
    const own: FolderName[] = [];
    let isShared = false;
    for (const folder of this.#artifacts.foldersOf(id.userId, id.taskId)) {
      if (this.#owners.releaseFolder(folder)) own.push(folder);
      else isShared ||= (await this.#artifacts.measureFolder(folder.userId, folder.taskId)).kind === "removed";
    }
    if (isShared) this.#sharedFolders++;
    return own;
  }

  #measureAll(folders: readonly FolderName[]): Promise<FolderOutcome[]> {
    return Promise.all(
      folders.map(({ userId, taskId }) => this.#artifacts.measureFolder(userId, taskId, this.#newest)),
    );
  }

  #namesOf(taskId: string): readonly string[] {
    return this.#rules.namesOf(taskId);
  }

  /** Whether what happened to a task's folder means that the task stays. */
  #holdsBack(id: TaskId, folder: FolderOutcome): boolean {
    if (folder.kind !== "kept") return false;
    if (folder.newer) this.#tally.keep(id, folder.reason);
    else if (folder.retry) this.#tally.fail(id, folder.reason);
    else this.#warnOfFolder(id, folder.reason);
    return folder.newer || folder.retry;
  }

  #warnOfFolder({ userId, taskId }: TaskId, reason: string): void {
    const fields = { user: userId, task: taskId, reason };
    this.#reporter.warn(`the folder of ${userId}:${taskId} stays: ${reason}`, fields);
  }

  async #removeLogs(id: TaskId): Promise<Freed[] | undefined> {
    const names = this.#namesOf(id.taskId).map((name) => ({ name, isLast: this.#owners.releaseLog(name) }));
    // Artifacts of an id that is no plain name are never touched; that the folder stays was said.
    if (!this.#namesOf(id.userId).some((name) => isPlainName(name))) return [];
    const freed: Freed[] = [];
    let isShared = false;
    for (const { name, isLast } of names) {
      if (isLast) {
        const removed = await this.#logs!.remove(name, this.#newest);
        if (removed.retry) {
          this.#tally.fail(id, removed.reasons.join("; "));
          return undefined;
        }
        for (const reason of removed.reasons) this.#reporter.warn(`a log stays: ${reason}`);
        freed.push(removed);
      } else isShared ||= (await this.#logs!.measure(name)).files > 0;
    }
    if (isShared) this.#sharedLogs++;
    return freed;
  }
}

function keepsTask(folder: FolderOutcome): folder is FolderOutcome & { kind: "kept" } {
  return folder.kind === "kept" && (folder.newer || folder.retry);
}

function sum(parts: readonly Freed[]): Freed {
  return parts.reduce((all, { files, bytes }) => ({ files: all.files + files, bytes: all.bytes + bytes }), NONE_FREED);
}

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

/** Puts back the folders that a killed pass had moved away; the records are still there, so this pass takes them again. */
export async function recoverArtifacts(parts: { artifacts: Artifacts; reporter: Reporter }): Promise<void> {
  const { folders, left } = await parts.artifacts.recover();
  if (folders > 0)
    parts.reporter.warn(`an earlier pass was stopped: ${folders} folders that it had moved away were put back`);
  for (const reason of left) parts.reporter.warn(`left in the purge folder: ${reason}`);
}
