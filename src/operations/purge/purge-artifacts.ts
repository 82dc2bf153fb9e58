import type { FolderName, FolderOutcome, NewestAllowed } from "../../artifacts/artifacts.ts";
import type { Removal } from "../../artifacts/look.ts";
import { isPlainName } from "../../artifacts/plain-name.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { KeyTable } from "../../store/key-table.ts";
import type { MirrorUse } from "../../store/mirror-link.ts";
import { counted } from "../../task/amounts.ts";
import type { TaskId } from "../../task/ids.ts";
import { fileCopyOf, sameCopy } from "../copies.ts";
import { DiskUse } from "../disk-use.ts";
import { logName, Owners } from "../owners.ts";
import type { Parts } from "../parts.ts";
import { chosenIds, type Survey, survey } from "../survey.ts";
import type { Tally } from "./tally.ts";

/** Files get the time of the kernel's last tick, 10 ms at 100 Hz, which may be before a `now` that was read earlier. */
const TICK_S = 0.02;

/** A folder in which anything was written, or put, after `now` (epoch seconds) belongs to a task that goes on. */
export function newestArtifact(now: number): Required<NewestAllowed> {
  return { mtime: now - TICK_S, ctime: now - TICK_S };
}

export type Freed = Omit<Removal, "linked">;

interface ArtifactParts extends Parts<"artifacts" | "reporter"> {
  readonly mirror: MirrorUse;
  readonly base: Snapshot;
  readonly tally: Tally;
  readonly dryRun: boolean;
  readonly now: number;
  readonly survey: Survey;
  /** Of a dry run right after a walk: it measures nothing again. */
  readonly sizes?: DiskUse | undefined;
}

/** Removes the directories and logs of purged tasks, unless something in them keeps the task. `open` is called first. */
export function purgeArtifacts(parts: ArtifactParts) {
  const { artifacts, reporter, mirror, base, tally, dryRun, now, survey: chosen, sizes } = parts;
  const newest = newestArtifact(now);
  const owners = new Owners(base.rules);
  /** How many purged tasks share the log, or the directory, with a kept one. */
  const shared = { logs: 0, directories: 0 };
  /** What may be removed: at least the logs. */
  const found = sizes ?? new DiskUse(artifacts, base.rules);
  let isOpen = false;
  /** Tasks that the file lacked when the pass began, and that have an owner's count by now. */
  let late = new KeyTable();
  let known: Snapshot | undefined;
  return { open, addChanged, mayBeThere, concerns, remove, roomOf, end };

  /** Finds the logs of every task that may be purged, and the owners of what it may have. */
  async function open(): Promise<void> {
    if (isOpen) return;
    isOpen = true;
    for (const id of artifacts.areThere ? chosenIds(base, chosen) : []) {
      owners.watchAllOf(id);
      await artifacts.turn();
    }
    if (sizes === undefined) await found.readLogs((name) => owners.watches(logName(name)), dryRun);
    for (const reason of found.unread) reporter.warn(`logs not checked: ${reason}`);
    if (!mayBeThere() || chosen.rows.length + chosen.others.size === 0) return;
    await owners.addFile(base, artifacts.hasOutput);
    await mirror.ask(async (mirror) => {
      const { others } = await survey(base, [], mirror, (_, isAhead) => isAhead, { hashes: "if lost" });
      // One that the file lacks may be in no index.
      for (const id of chosen.others.ids()) if (!base.holds(id)) others.addId(id.userId, id.taskId);
      await owners.addRedis(mirror, others.ids(), base);
      late = others;
    });
  }

  /** Adds what records of the file own that the service has written since the pass began. */
  async function addChanged(current: Snapshot): Promise<void> {
    if (!mayBeThere() || current === known) return;
    known = current;
    const read = current.windowed();
    for (const row of current.liveRows()) {
      const key = current.rows.key(row);
      const before = base.rows.keys.findKeyOf(current.rows.keys, key);
      if (!sameCopy(before < 0 ? null : fileCopyOf(base.rows, before), fileCopyOf(current.rows, key))) {
        const id = current.idOf(row);
        if (!base.holds(id) && late.find(id.userId, id.taskId) < 0) {
          late.addId(id.userId, id.taskId);
          owners.count(id);
        }
        owners.addResults(id, (await read(current.rows.start(row), current.rows.end(row))).toString());
      }
      await artifacts.turn();
    }
  }

  function mayBeThere(): boolean {
    return artifacts.hasOutput || found.size > 0;
  }

  /** Whether the task may have artifacts, or needs a warning that its artifacts are never touched. */
  function concerns({ userId, taskId }: TaskId): boolean {
    return mayBeThere() || artifacts.whyNever(artifacts.foldersOf(userId, taskId)[0]!) !== undefined;
  }

  /**
   * Removes the directories of a task and then its logs, or in a dry run measures them. Undefined if the task is kept: a directory keeps
   * it, or a log could not be removed, which the next pass finds only by the record.
   */
  function remove(id: TaskId): Freed | undefined {
    const freed = { files: 0, bytes: 0 };
    owners.count(id, -1);
    if (freeFolders(id, freed) && freeLogs(id, freed)) return freed;
    owners.count(id);
    if (!dryRun) tally.free(freed);
    return undefined;
  }

  /** How many bytes of the disk the directories take that no other task owns. */
  function roomOf(id: TaskId): number {
    owners.count(id, -1);
    const { own } = foldersOf(id);
    owners.count(id);
    return own.map(measure).reduce((sum, folder) => sum + (folder.kind === "removed" ? (folder.room ?? 0) : 0), 0);
  }

  function end(): void {
    for (const [what, count] of Object.entries(shared)) {
      const whose = counted(count, "purged task");
      if (count > 0) reporter.warn(`the ${what} of ${whose} are kept: other tasks share them`);
    }
  }

  /** Returns whether the task may go. */
  function freeFolders(id: TaskId, freed: Freed): boolean {
    const { own, others } = foldersOf(id);
    const isShared = others.some(({ userId, taskId }) => artifacts.measureFolder(userId, taskId).kind === "removed");
    if (isShared) shared.directories++;
    // If one of several directories keeps the task, none is removed.
    const measured = dryRun || own.length > 1 ? own.map(measure) : [];
    if (measured.some((folder) => keepsTask(id, folder, freed))) return false;
    for (const name of own) {
      const folder = dryRun ? measured.shift()! : artifacts.purgeFolder(name.userId, name.taskId, newest);
      if (keepsTask(id, folder, freed)) return false;
      if (folder.kind === "removed") add(freed, folder);
      else if (folder.kind === "kept" && !dryRun) {
        const fields = { user: id.userId, task: id.taskId, reason: folder.reason };
        reporter.warn(`the directory of ${id.userId}:${id.taskId} is kept: ${folder.reason}`, fields);
      }
    }
    return true;
  }

  function measure(name: FolderName): FolderOutcome {
    const size = sizes?.sizeOf(name, newest.mtime);
    return size ? { ...size, kind: "removed" } : artifacts.measureFolder(name.userId, name.taskId, newest);
  }

  /** The folders that are the task's alone, or are never touched, and those that another task owns too. */
  function foldersOf(id: TaskId): { own: FolderName[]; others: FolderName[] } {
    const folders = artifacts.foldersOf(id.userId, id.taskId);
    const isShared = (folder: FolderName) =>
      owners.owns(folder, (other) => artifacts.areOne(folder, other)) && artifacts.whyNever(folder) === undefined;
    const others = folders.filter(isShared);
    return { own: folders.filter((folder) => !others.includes(folder)), others };
  }

  function keepsTask(id: TaskId, folder: FolderOutcome, freed: Freed): boolean {
    if (folder.kind !== "kept" || !(folder.newer || folder.retry)) return false;
    if (folder.removed !== undefined) add(freed, folder.removed);
    tally[folder.newer || dryRun ? "keep" : "fail"](id, folder.reason + whatWent(freed));
    return true;
  }

  /** Returns whether the task may go. */
  function freeLogs({ userId, taskId }: TaskId, freed: Freed): boolean {
    const { namesOf } = base.rules;
    // The artifacts of an id that isn't a plain name are never touched; the kept directory was reported.
    if (!namesOf(userId).some((name) => isPlainName(name))) return true;
    let isShared = false;
    for (const name of namesOf(taskId)) {
      const log = found.sizeOf(logName(name));
      if (log === undefined) continue;
      const { hours = [], changedAt } = log;
      const isSame = (hour: string, other: string) => artifacts.logs.areOne({ taskId: name, hour }, other);
      const isOthers = owners.owns(logName(name), (other) => hours.some((hour) => isSame(hour, other.taskId)));
      isShared ||= isOthers;
      if (!isOthers && dryRun && changedAt <= newest.mtime) add(freed, log);
      if (isOthers || dryRun) continue;
      const outcome = artifacts.logs.remove(name, hours, newest.mtime);
      add(freed, outcome);
      if (outcome.retry) {
        tally.fail({ userId, taskId }, outcome.reasons.join("; ") + whatWent(freed));
        return false;
      }
      for (const reason of outcome.reasons) reporter.warn(`a log is kept: ${reason}`);
    }
    if (isShared) shared.logs++;
    return true;
  }
}

function whatWent({ files }: Freed): string {
  return files > 0 ? `; ${counted(files, "file")} of it already removed` : "";
}

function add(freed: Freed, { files, bytes, room = 0 }: Freed): void {
  freed.files += files;
  freed.bytes += bytes;
  freed.room = (freed.room ?? 0) + room;
}

/** Puts back the directories that a killed pass had moved aside: their records still exist. */
export function recoverArtifacts(parts: Parts<"artifacts" | "reporter">): void {
  const { folders, left } = parts.artifacts.recover();
  const what = folders === 1 ? "directory" : "directories";
  if (folders > 0) parts.reporter.warn(`an earlier pass was stopped: ${folders} ${what} restored`);
  for (const reason of left) parts.reporter.warn(`left in the purge directory: ${reason}`);
}
