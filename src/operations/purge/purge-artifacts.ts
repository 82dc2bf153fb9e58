import type { Artifacts, FolderName, FolderOutcome, LogIndex, SweepRules } from "../../artifacts/artifacts.ts";
import { isPlainName } from "../../artifacts/plain-name.ts";
import type { FileStore } from "../../store/file/file-store.ts";
import type { KeyTable } from "../../store/key-table.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { RecordRules } from "../../task/rules.ts";
import type { Reporter } from "../reporter.ts";
import type { ArtifactOwners } from "./artifact-owners.ts";
import { type Freed, NONE_FREED } from "./looked.ts";
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
      else isShared ||= (await this.#artifacts.usage(folder.userId, folder.taskId)) !== undefined;
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
