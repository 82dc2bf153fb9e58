import type { FolderOutcome, LogIndex, NewestAllowed } from "../../artifacts/artifacts.ts";
import { isPlainName } from "../../artifacts/plain-name.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { Column, KeyTable } from "../../store/key-table.ts";
import type { MirrorUse } from "../../store/mirror-link.ts";
import type { TaskId } from "../../store/task-source.ts";
import { counted } from "../../task/amounts.ts";
import type { FolderName, RecordRules } from "../../task/rules.ts";
import type { Parts } from "../parts.ts";
import type { Freed } from "./decide.ts";
import { chosenIds, type Survey, survey } from "./survey.ts";
import type { Tally } from "./tally.ts";

/** Files get the time of the kernel's last tick, 10 ms at 100 Hz, which may be before a `now` that was read earlier. */
const TICK_S = 0.02;

/** A folder in which anything was written, or put, after `now` (epoch seconds) belongs to a task that goes on. */
export function newestArtifact(now: number): Required<NewestAllowed> {
  return { mtime: now - TICK_S, ctime: now - TICK_S };
}

interface ArtifactParts extends Parts<"artifacts" | "reporter"> {
  readonly mirror: MirrorUse;
  /** The file when the pass began. */
  readonly base: Snapshot;
  readonly tally: Tally;
  readonly dryRun: boolean;
  /** Epoch seconds, when the pass began. */
  readonly now: number;
  /** Every task that may be purged. */
  readonly survey: Survey;
}

/** Removes the directories and logs of purged tasks, unless something in them keeps the task. */
export class PurgeArtifacts {
  readonly #parts: ArtifactParts;
  /** As `newestArtifact`. */
  readonly #newest: Required<NewestAllowed>;
  /** How many purged tasks share the log, or the directory, with a kept one. */
  #sharedLogs = 0;
  #sharedFolders = 0;
  #logs: LogIndex | undefined;
  #madeOwners: ArtifactOwners | undefined;

  constructor(parts: ArtifactParts) {
    this.#parts = parts;
    this.#newest = newestArtifact(parts.now);
  }

  /** Finds the logs of every task that may be purged. Called first. */
  async open(): Promise<void> {
    const { artifacts, reporter, base, mirror } = this.#parts;
    const { namesOf, sharesFolders } = base.rules;
    this.#logs = await artifacts.indexLogs((name) => this.#owners.wantsLog(name));
    for (const reason of this.#logs.skipped) reporter.warn(`logs not checked: ${reason}`);
    if (this.#logs.size === 0 && !sharesFolders) return; // the walk of the index takes long
    const isWanted = ({ taskId }: TaskId) => namesOf(taskId).some((name) => this.#owners.wantsLog(name));
    const choose = (member: TaskId, inFile: boolean) => !inFile && isWanted(member);
    const found = await mirror.ask((mirror) => survey(base, [], mirror, choose));
    for (const id of found?.others.ids() ?? []) this.#owners.count(id);
  }

  /** Made on first use: without artifacts it isn't needed. */
  get #owners(): ArtifactOwners {
    this.#madeOwners ??= new ArtifactOwners(this.#parts.base, this.#parts.survey);
    return this.#madeOwners;
  }

  get mayBeThere(): boolean {
    return this.#parts.artifacts.hasOutput || this.#logs!.size > 0;
  }

  /** Whether the task may have artifacts, or needs a warning that its artifacts are never touched. */
  concerns({ userId, taskId }: TaskId): boolean {
    return this.mayBeThere || this.#parts.artifacts.whyNever(userId, taskId) !== undefined;
  }

  /**
   * Removes the directories of a task and then its logs, or in a dry run measures them. Undefined if the task is kept: a
   * directory keeps it, or a log could not be removed, which the next pass finds only by the record.
   */
  remove(id: TaskId): Freed | undefined {
    const freed = { files: 0, bytes: 0 };
    const isFree = this.#freeFolders(id, freed) && this.#freeLogs(id, freed);
    return isFree ? freed : undefined;
  }

  end(): void {
    const shared = { logs: this.#sharedLogs, directories: this.#sharedFolders };
    for (const [what, count] of Object.entries(shared)) {
      if (count > 0)
        this.#parts.reporter.warn(`the ${what} of ${counted(count, "purged task")} are kept: other tasks share them`);
    }
  }

  /** Returns whether the task may go. */
  #freeFolders(id: TaskId, freed: Freed): boolean {
    const folders = this.#ownFolders(id);
    const measure = ({ userId, taskId }: FolderName) =>
      this.#parts.artifacts.measureFolder(userId, taskId, this.#newest);
    // If one of several directories keeps the task, none is removed.
    const measured = this.#parts.dryRun || folders.length > 1 ? folders.map(measure) : [];
    if (measured.some((folder) => this.#keepsTask(id, folder))) return false;
    for (const [i, { userId, taskId }] of folders.entries()) {
      const folder = this.#parts.dryRun
        ? measured[i]!
        : this.#parts.artifacts.purgeFolder(userId, taskId, this.#newest);
      if (this.#keepsTask(id, folder)) return false;
      if (folder.kind === "removed") add(freed, folder);
      else if (folder.kind === "kept" && !this.#parts.dryRun) {
        const fields = { user: id.userId, task: id.taskId, reason: folder.reason };
        this.#parts.reporter.warn(`the directory of ${id.userId}:${id.taskId} is kept: ${folder.reason}`, fields);
      }
    }
    return true;
  }

  /** Without those that another task owns too. */
  #ownFolders(id: TaskId): FolderName[] {
    const own: FolderName[] = [];
    let isShared = false;
    for (const folder of this.#parts.artifacts.foldersOf(id.userId, id.taskId)) {
      if (!this.#parts.base.rules.sharesFolders || this.#owners.release(folder)) own.push(folder);
      else isShared ||= this.#parts.artifacts.measureFolder(folder.userId, folder.taskId).kind === "removed";
    }
    if (isShared) this.#sharedFolders++;
    return own;
  }

  #keepsTask(id: TaskId, folder: FolderOutcome): boolean {
    if (folder.kind !== "kept" || !(folder.newer || folder.retry)) return false;
    if (folder.newer || this.#parts.dryRun) this.#parts.tally.keep(id, folder.reason);
    else this.#parts.tally.fail(id, folder.reason);
    return true;
  }

  /** Returns whether the task may go. */
  #freeLogs({ userId, taskId }: TaskId, freed: Freed): boolean {
    const { namesOf } = this.#parts.base.rules;
    const names = namesOf(taskId).map((name) => ({ name, isLast: this.#owners.releaseLog(name) }));
    // The artifacts of an id that isn't a plain name are never touched; the kept directory was reported.
    if (!namesOf(userId).some((name) => isPlainName(name))) return true;
    let isShared = false;
    for (const { name, isLast } of names) {
      if (!isLast || this.#parts.dryRun) {
        const found = this.#logs!.measure(name, isLast ? this.#newest.mtime : undefined);
        if (isLast) add(freed, found);
        else isShared ||= found.files > 0;
        continue;
      }
      const removed = this.#logs!.remove(name, this.#newest.mtime);
      add(freed, removed);
      if (removed.retry) {
        this.#parts.tally.fail({ userId, taskId }, removed.reasons.join("; "));
        return false;
      }
      for (const reason of removed.reasons) this.#parts.reporter.warn(`a log is kept: ${reason}`);
    }
    if (isShared) this.#sharedLogs++;
    return true;
  }
}

function add(freed: Freed, { files, bytes }: Freed): void {
  freed.files += files;
  freed.bytes += bytes;
}

/**
 * How many records of both stores own a log or a directory, which is kept until the last of them is purged. Users may share
 * a task id and its logs, and in some layouts tasks share names. Only names of tasks that may be purged are counted.
 */
class ArtifactOwners {
  readonly #rules: RecordRules;
  /** Names of logs have no user. */
  readonly #names = new KeyTable();
  readonly #counts = new Column(new Uint32Array(1 << 10));

  /** Counts the records of the file. @param chosen the tasks that may be purged */
  constructor(base: Snapshot, chosen: Survey) {
    const { rows, invalid, rules } = base;
    this.#rules = rules;
    for (const id of chosenIds(base, chosen)) {
      for (const { userId, taskId } of this.#namesOf(id)) this.#names.addId(userId, taskId);
    }
    for (let key = 0; key < rows.keys.size; key++) {
      if (rows.liveRow(key) >= 0 || rows.hasInvalid(key)) this.count(rows.keys.id(key));
    }
    for (const name of [...invalid.ownerless].flatMap(rules.namesOf)) this.#add(this.#names.find("", name));
  }

  count(id: TaskId): void {
    for (const { userId, taskId } of this.#namesOf(id)) this.#add(this.#names.find(userId, taskId));
  }

  /** Whether a task that may be purged owns a log of this name. Tasks that share a directory share the log. */
  wantsLog(name: string): boolean {
    return this.#names.find("", name) >= 0;
  }

  /** Notes that an owner of a log is purged; true if it was the last. */
  releaseLog(name: string): boolean {
    return this.release({ userId: "", taskId: name });
  }

  /** The same for a directory. */
  release({ userId, taskId }: FolderName): boolean {
    const key = this.#names.find(userId, taskId);
    if (key < 0 || this.#counts.at(key) <= 1) return true;
    this.#counts.add(key, -1);
    return false;
  }

  #namesOf(id: TaskId): FolderName[] {
    const logs = this.#rules.namesOf(id.taskId).map((name) => ({ userId: "", taskId: name }));
    return this.#rules.sharesFolders ? [...logs, ...this.#rules.foldersOf(id)] : logs;
  }

  #add(key: number): void {
    if (key >= 0) this.#counts.add(key, 1);
  }
}

/** Puts back the directories that a killed pass had moved aside: their records still exist. */
export function recoverArtifacts(parts: Parts<"artifacts" | "reporter">): void {
  const { folders, left } = parts.artifacts.recover();
  if (folders > 0)
    parts.reporter.warn(
      `an earlier pass was stopped: ${folders} ${folders === 1 ? "directory" : "directories"} restored`,
    );
  for (const reason of left) parts.reporter.warn(`left in the purge directory: ${reason}`);
}
