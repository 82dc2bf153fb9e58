import type { FolderOutcome, LogIndex, NewestAllowed } from "../../artifacts/artifacts.ts";
import { isPlainName } from "../../artifacts/plain-name.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { KeyTable } from "../../store/key-table.ts";
import type { MirrorUse } from "../../store/mirror-link.ts";
import type { TaskId } from "../../store/task-source.ts";
import { counted } from "../../task/amounts.ts";
import type { FolderName } from "../../task/rules.ts";
import { isAheadOf, logName, Owners } from "../owners.ts";
import type { Parts } from "../parts.ts";
import { fileCopyOf, sameCopy } from "./copies.ts";
import { chosenIds, type Survey, survey } from "./survey.ts";
import type { Tally } from "./tally.ts";

/** Files get the time of the kernel's last tick, 10 ms at 100 Hz, which may be before a `now` that was read earlier. */
const TICK_S = 0.02;

/** A folder in which anything was written, or put, after `now` (epoch seconds) belongs to a task that goes on. */
export function newestArtifact(now: number): Required<NewestAllowed> {
  return { mtime: now - TICK_S, ctime: now - TICK_S };
}

export interface Freed {
  files: number;
  bytes: number;
}

interface ArtifactParts extends Parts<"artifacts" | "reporter"> {
  readonly mirror: MirrorUse;
  readonly base: Snapshot;
  readonly tally: Tally;
  readonly dryRun: boolean;
  readonly now: number;
  readonly survey: Survey;
}

/** Removes the directories and logs of purged tasks, unless something in them keeps the task. */
export class PurgeArtifacts {
  readonly #newest: Required<NewestAllowed>;
  /** How many purged tasks share the log, or the directory, with a kept one. */
  #sharedLogs = 0;
  #sharedFolders = 0;
  #logs: LogIndex | undefined;
  readonly #owners: Owners;
  /** Tasks that the file lacked when the pass began, and that have an owner's count by now. */
  #late = new KeyTable();
  #known: Snapshot | undefined;

  constructor(private readonly parts: ArtifactParts) {
    this.#newest = newestArtifact(parts.now);
    this.#owners = new Owners(parts.base.rules);
  }

  /** Finds the logs of every task that may be purged, and the owners of what it may have. Called first. */
  async open(): Promise<void> {
    if (this.#logs !== undefined) return;
    const { artifacts, reporter, base, mirror } = this.parts;
    for (const id of artifacts.areThere ? chosenIds(base, this.parts.survey) : []) {
      this.#owners.watchAllOf(id);
      await artifacts.turn();
    }
    this.#logs = await artifacts.logs.index((name) => this.#owners.watches(logName(name)));
    for (const reason of this.#logs.skipped) reporter.warn(`logs not checked: ${reason}`);
    const { rows, others: chosen } = this.parts.survey;
    if (!this.mayBeThere || rows.length + chosen.size === 0) return;
    await this.#owners.addFile(base, artifacts.hasOutput);
    await mirror.ask(async (mirror) => {
      const { others } = await survey(base, [], mirror, (member) => isAheadOf(base, member));
      for (const id of chosen.ids()) others.addId(id.userId, id.taskId); // one may be in no index
      await this.#owners.addRedis(mirror, others.ids(), base);
      this.#late = others;
    });
  }

  /** Adds what records of the file own that the service has written since the pass began. */
  async addChanged(current: Snapshot): Promise<void> {
    const { base, artifacts } = this.parts;
    if (!this.mayBeThere || current === this.#known) return;
    this.#known = current;
    const read = current.windowed();
    for (const row of current.liveRows()) {
      const key = current.rows.key(row);
      const known = base.rows.keys.findKeyOf(current.rows.keys, key);
      if (!sameCopy(known < 0 ? null : fileCopyOf(base.rows, known), fileCopyOf(current.rows, key))) {
        const id = current.idOf(row);
        if (!base.holds(id) && this.#late.find(id.userId, id.taskId) < 0) {
          this.#late.addId(id.userId, id.taskId);
          this.#owners.add(id);
        }
        this.#owners.addResults(id, (await read(current.rows.start(row), current.rows.end(row))).toString());
      }
      await artifacts.turn();
    }
  }

  get mayBeThere(): boolean {
    return this.parts.artifacts.hasOutput || this.#logs!.size > 0;
  }

  /** Whether the task may have artifacts, or needs a warning that its artifacts are never touched. */
  concerns({ userId, taskId }: TaskId): boolean {
    const { artifacts } = this.parts;
    return this.mayBeThere || artifacts.whyNever(artifacts.foldersOf(userId, taskId)[0]!) !== undefined;
  }

  /**
   * Removes the directories of a task and then its logs, or in a dry run measures them. Undefined if the task is kept: a
   * directory keeps it, or a log could not be removed, which the next pass finds only by the record.
   */
  remove(id: TaskId): Freed | undefined {
    const freed = { files: 0, bytes: 0 };
    this.#owners.release(id);
    if (this.#freeFolders(id, freed) && this.#freeLogs(id, freed)) return freed;
    this.#owners.release(id, 1);
    return undefined;
  }

  /** How much the directories take that no other task owns. */
  bytesOf(id: TaskId): number {
    this.#owners.release(id);
    const { own } = this.#foldersOf(id);
    this.#owners.release(id, 1);
    const folders = own.map((name) => this.#measure(name));
    return folders.reduce((sum, folder) => sum + (folder.kind === "removed" ? folder.bytes : 0), 0);
  }

  end(): void {
    const { reporter } = this.parts;
    for (const [what, count] of [["logs", this.#sharedLogs] as const, ["directories", this.#sharedFolders] as const]) {
      const whose = counted(count, "purged task");
      if (count > 0) reporter.warn(`the ${what} of ${whose} are kept: other tasks share them`);
    }
  }

  /** Returns whether the task may go. */
  #freeFolders(id: TaskId, freed: Freed): boolean {
    const { artifacts, dryRun, reporter } = this.parts;
    const { own, shared } = this.#foldersOf(id);
    if (shared.some(({ userId, taskId }) => artifacts.measureFolder(userId, taskId).kind === "removed"))
      this.#sharedFolders++;
    // If one of several directories keeps the task, none is removed.
    const measured = dryRun || own.length > 1 ? own.map((name) => this.#measure(name)) : [];
    if (measured.some((folder) => this.#keepsTask(id, folder))) return false;
    for (const [i, { userId, taskId }] of own.entries()) {
      const folder = dryRun ? measured[i]! : artifacts.purgeFolder(userId, taskId, this.#newest);
      if (this.#keepsTask(id, folder)) return false;
      if (folder.kind === "removed") add(freed, folder);
      else if (folder.kind === "kept" && !dryRun) {
        const fields = { user: id.userId, task: id.taskId, reason: folder.reason };
        reporter.warn(`the directory of ${id.userId}:${id.taskId} is kept: ${folder.reason}`, fields);
      }
    }
    return true;
  }

  #measure({ userId, taskId }: FolderName): FolderOutcome {
    return this.parts.artifacts.measureFolder(userId, taskId, this.#newest);
  }

  /** The folders that are the task's alone, or are never touched, and those that another task owns too. */
  #foldersOf(id: TaskId): { own: FolderName[]; shared: FolderName[] } {
    const { artifacts } = this.parts;
    const folders = artifacts.foldersOf(id.userId, id.taskId);
    const isShared = (folder: FolderName) =>
      this.#owners.owns(folder, (other) => artifacts.areOne(folder, other)) && artifacts.whyNever(folder) === undefined;
    const shared = folders.filter(isShared);
    return { own: folders.filter((folder) => !shared.includes(folder)), shared };
  }

  #keepsTask(id: TaskId, folder: FolderOutcome): boolean {
    if (folder.kind !== "kept" || !(folder.newer || folder.retry)) return false;
    this.parts.tally[folder.newer || this.parts.dryRun ? "keep" : "fail"](id, folder.reason);
    return true;
  }

  /** Returns whether the task may go. */
  #freeLogs({ userId, taskId }: TaskId, freed: Freed): boolean {
    const { base, dryRun, reporter, tally } = this.parts;
    const { namesOf } = base.rules;
    // The artifacts of an id that isn't a plain name are never touched; the kept directory was reported.
    if (!namesOf(userId).some((name) => isPlainName(name))) return true;
    const logs = this.#logs!;
    const isOwned = (name: string) => this.#owners.owns(logName(name), (other) => logs.areOne(name, other.taskId));
    const names = namesOf(taskId).map((name) => ({ name, isShared: isOwned(name) }));
    if (names.some(({ name, isShared }) => isShared && logs.measure(name).files > 0)) this.#sharedLogs++;
    for (const { name, isShared } of names) {
      if (isShared) continue;
      const { mtime } = this.#newest;
      const outcome = dryRun ? logs.measure(name, mtime) : logs.remove(name, mtime);
      add(freed, outcome);
      if (dryRun) continue;
      if (outcome.retry) {
        tally.fail({ userId, taskId }, outcome.reasons.join("; "));
        return false;
      }
      for (const reason of outcome.reasons) reporter.warn(`a log is kept: ${reason}`);
    }
    return true;
  }
}

function add(freed: Freed, { files, bytes }: Freed): void {
  freed.files += files;
  freed.bytes += bytes;
}

/** Puts back the directories that a killed pass had moved aside: their records still exist. */
export function recoverArtifacts(parts: Parts<"artifacts" | "reporter">): void {
  const { folders, left } = parts.artifacts.recover();
  const what = folders === 1 ? "directory" : "directories";
  if (folders > 0) parts.reporter.warn(`an earlier pass was stopped: ${folders} ${what} restored`);
  for (const reason of left) parts.reporter.warn(`left in the purge directory: ${reason}`);
}
