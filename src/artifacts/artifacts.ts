import type { FileHandle } from "node:fs/promises";
import { TtsctlError } from "../errors.ts";
import { pool } from "../pool.ts";
import { printableJson } from "../printable.ts";
import { type Folder, FolderError, Kept, reasonOf, within } from "./folder.ts";
import { FolderCache } from "./folder-cache.ts";
import { type Artifact, listFolder, openBelow } from "./list.ts";
import { type FoundLog, LOG_SUFFIX, LogFolders, type LogIndex, type LogOutcome, type LogPlace } from "./logs.ts";
import { lookIntoChild, total } from "./look.ts";
import { isPlainName, isPurgeFolder, plainNameOf } from "./plain-name.ts";
import { type FolderOutcome, keptBecause, PurgeArea, type Recovery } from "./purge-area.ts";
import { openRoots, type RootPaths, type Roots } from "./roots.ts";
import { OwnChanges, type SweepRules, sweepUsers } from "./sweep.ts";
import { allLogLines, type LogPart, lastLogLines, TaskLogFollower } from "./task-logs.ts";

export type { Artifact } from "./list.ts";
export type { LogIndex, LogPlace } from "./logs.ts";
export type { FolderOutcome } from "./purge-area.ts";
export { heldFile } from "./roots.ts";
export type { SweepRules } from "./sweep.ts";
export type { LogPart } from "./task-logs.ts";

/** The folder of a task by its names in `output/`. */
export interface FolderName {
  readonly userId: string;
  readonly taskId: string;
}

/** All names that ids may have on the disk. */
export interface ArtifactNames {
  namesOf(id: string): readonly string[];
  foldersOf(id: FolderName): readonly FolderName[];
}

/** How many folders a walk looks into at once. */
const AT_ONCE = 4;

const AS_IDS: ArtifactNames = { namesOf: (id) => [id], foldersOf: (id) => [id] };

/**
 * The audio folders and log files of tasks (docs/contract.md, Whose directory is it): `output/{user}/{task}/` and
 * `Logs/{8 digits}/{2 digits}/{task}.log`. A task may have several, by other names. Nothing else is ever removed, and
 * nothing below these two roots is reached through a symbolic link.
 *
 * Made for one pass, under the lock that a pass holds. `purgeFolder`, `measureFolder`, `list` and the log index may be
 * used by several callers at once; `recover`, `sweep` and `close` only when none of these is under way.
 */
class DiskArtifacts {
  readonly #roots: Roots;
  readonly #names: ArtifactNames;
  readonly #homes: FolderCache;
  readonly #userChanges = new OwnChanges();
  readonly #purgeArea: PurgeArea | undefined;
  readonly #logs: LogFolders;
  #closed = false;

  constructor(roots: Roots, names: ArtifactNames = AS_IDS) {
    this.#names = names;
    const { output, logs } = roots;
    this.#roots = roots;
    this.#logs = new LogFolders(logs);
    this.#purgeArea = output && new PurgeArea(output);
    this.#homes = new FolderCache(
      async (user) => output?.openOfSameMountIfThere(user),
      async (home, user) => output !== undefined && home.isAt(output, user),
    );
  }

  /** Whether there is an `output/` at all. */
  get hasOutput(): boolean {
    return this.#roots.output !== undefined;
  }

  /** The device of `output/`. */
  get device(): bigint | undefined {
    return this.#roots.output?.dev;
  }

  /** Why the artifacts of a task are never touched; undefined if they may be. */
  whyNever(userId: string, taskId: string): string | undefined {
    const [first] = this.foldersOf(userId, taskId);
    return this.#unsafe(first!.userId, first!.taskId);
  }

  /** The folders that a task may have, by names that may be touched; without any, what its ids would name. */
  foldersOf(userId: string, taskId: string): readonly FolderName[] {
    const folders = this.#names.foldersOf({ userId, taskId });
    const safe = folders.filter((folder) => this.#unsafe(folder.userId, folder.taskId) === undefined);
    return safe.length > 0 ? safe : folders.slice(0, 1);
  }

  /** Puts back what a pass that was killed left in `output/.ttsctl-purge`. Begin a pass with it. */
  async recover(): Promise<Recovery> {
    await this.#endPurges();
    return (await this.#purgeArea?.recover()) ?? { folders: 0, left: [] };
  }

  /** The files of a task, those of its folders first. Throws ARTIFACTS_UNSAFE if the folder cannot be read; unreadable logs are left out. */
  async list(userId: string, taskId: string, withLogs = true): Promise<Artifact[]> {
    try {
      const found: Artifact[] = [];
      for (const folder of this.foldersOf(userId, taskId)) found.push(...(await this.#listFolder(folder)));
      const logs = withLogs ? await this.#logs.find(this.#logNamesOf(taskId)) : []; // looks into every hour
      for (const { path, bytes } of logs) found.push({ path, bytes });
      return found;
    } catch (error) {
      if (error instanceof FolderError) throw new TtsctlError("ARTIFACTS_UNSAFE", error.message, { cause: error });
      throw error;
    }
  }

  async #listFolder(folder: FolderName): Promise<Artifact[]> {
    try {
      return (await this.#inHome(folder, (home) => listFolder(home, folder.taskId))) ?? [];
    } catch (error) {
      if (error instanceof Kept) return []; // what is never touched is not a task's
      throw error;
    }
  }

  /**
   * Opens a file in a folder of a task for reading; the caller closes it. Undefined if it is missing, or if a name in
   * the path isn't plain or is a symbolic link.
   * @param names of the folders in the task's own, if any, and of the file
   */
  async openFile(userId: string, taskId: string, names: readonly string[]): Promise<FileHandle | undefined> {
    if (!names.every((name) => isPlainName(name))) return undefined;
    for (const folder of this.foldersOf(userId, taskId)) {
      try {
        const file = await this.#inHome(folder, (home) => openBelow(home, [folder.taskId, ...names]));
        if (file !== undefined) return file;
      } catch (error) {
        reasonOf(error);
      }
    }
    return undefined;
  }

  /** The last lines of a task's logs, oldest log first. Logs that cannot be read are left out. */
  async lastLogLines(taskId: string, count: number): Promise<LogPart[]> {
    return lastLogLines(this.#logs, this.#logNamesOf(taskId), count);
  }

  allLogLines(taskId: string): AsyncGenerator<LogPart> {
    return allLogLines(this.#logs, this.#logNamesOf(taskId));
  }

  /** The caller closes the follower before these artifacts. */
  followLogs(taskId: string): TaskLogFollower {
    return new TaskLogFollower(this.#logs, this.#logNamesOf(taskId));
  }

  /** The likely outcome of `purgeFolder`; without `now`, the size of a folder of any age. */
  measureFolder(userId: string, taskId: string, now = Number.POSITIVE_INFINITY): Promise<FolderOutcome> {
    return this.#outcome({ userId, taskId }, async (home) => {
      const contents = await lookIntoChild(home, taskId, now);
      return contents && { kind: "removed", ...total(contents) };
    });
  }

  /** Removes the folder of a task, unless something in it was changed after `now` (epoch seconds). Never throws for what the disk refuses. */
  purgeFolder(userId: string, taskId: string, now: number): Promise<FolderOutcome> {
    const folder = { userId, taskId };
    return this.#outcome(folder, (home) => this.#purgeArea!.purge(home, folder, now, this.#userChanges));
  }

  /**
   * Visits the folder of every task, with a record or without, in no order; returns why parts of `output/` were
   * skipped. @param other gets the quoted path of anything that isn't a folder of a task
   */
  async walkFolders(
    visit: (userId: string, taskId: string) => Promise<void>,
    other: (path: string) => void = () => {},
  ): Promise<string[]> {
    const { output, logsInOutput } = this.#roots;
    if (output === undefined) return [];
    const unread: string[] = [];
    const note = (error: unknown) => void unread.push(reasonOf(error));
    const inEach = (parent: Folder, work: (name: string) => Promise<void>) =>
      pool(parent.entries(), AT_ONCE, async ({ name, isFolder }) => {
        const plain = plainNameOf(name);
        if (parent === output && plain !== undefined && (plain === logsInOutput || isPurgeFolder(plain))) return;
        if (plain === undefined || !isFolder) other(printableJson(parent.labelOf(name)));
        else await work(plain);
      });
    const inUser = (user: string) =>
      within(output.openOfSameMountIfThere(user), (home) => inEach(home, (task) => visit(user, task))).catch(note);
    await inEach(output, inUser).catch(note);
    return unread;
  }

  /** Visits the logs that are wanted; returns why parts of `Logs/` were not looked at, a line each. */
  walkLogs(wanted: (taskId: string) => boolean, visit: (log: FoundLog) => Promise<void> | void): Promise<string[]> {
    return this.#logs.walkLogs(wanted, visit);
  }

  /** Removes one log that a walk found, unless it was changed after `now`. */
  removeLog({ taskId, hour }: LogPlace, now: number): Promise<LogOutcome> {
    return this.#logs.remove(taskId, [hour], now);
  }

  /** The path of the folder of a task, or of a log, for an operator. */
  folderPath(userId: string, taskId: string): string {
    return `${this.#roots.output?.label ?? ""}/${userId}/${taskId}`;
  }

  logPath({ taskId, hour }: LogPlace): string {
    return `${this.#roots.logs?.label ?? ""}/${hour}/${taskId}${LOG_SUFFIX}`;
  }

  /** Finds the logs that are wanted, in one walk. */
  indexLogs(wanted: (taskId: string) => boolean): Promise<LogIndex> {
    return this.#logs.index(wanted);
  }

  /**
   * Ends a pass: removes the folders of users, hours and dates that this pass emptied, or log folders that it found
   * empty, if they were last changed before a time, its own removals aside. Returns how many.
   */
  async sweep(rules: SweepRules): Promise<number> {
    await this.#endPurges();
    const { output } = this.#roots;
    const users = output === undefined ? 0 : await sweepUsers(output, this.#userChanges, rules);
    this.#userChanges.clear();
    return users + (await this.#logs.sweep(rules));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#endPurges();
    this.#roots.output?.close();
    this.#roots.logs?.close();
  }

  /** Works in the folder of a user; undefined if it is missing. @throws Kept for names that are never touched */
  async #inHome<R>({ userId, taskId }: FolderName, work: (home: Folder) => Promise<R>): Promise<R | undefined> {
    const unsafe = this.#unsafe(userId, taskId);
    if (unsafe !== undefined) throw new Kept(unsafe);
    return this.#homes.use(userId, work);
  }

  /** The same, but a failure of the disk is an outcome: it must not stop a pass. */
  async #outcome(
    folder: FolderName,
    work: (home: Folder) => Promise<FolderOutcome | undefined>,
  ): Promise<FolderOutcome> {
    try {
      return (await this.#inHome(folder, work)) ?? { kind: "absent" };
    } catch (error) {
      return keptBecause(error);
    }
  }

  /** The file names that the logs of a task may have. */
  #logNamesOf(taskId: string): string[] {
    const names = this.#names.namesOf(taskId).filter((name) => isPlainName(name, LOG_SUFFIX));
    return names.map((name) => name + LOG_SUFFIX);
  }

  #unsafe(user: string, task: string): string | undefined {
    if (!isPlainName(user)) return "the user id is not one plain name";
    if (!isPlainName(task)) return "the task id is not one plain name";
    if (isPurgeFolder(user)) return "the user id is the name of the directory where artifacts are removed";
    if (user === this.#roots.logsInOutput) return "the user id is the name of the directory that holds the logs";
    return undefined;
  }

  /** Closes what is held open and removes our part of the purge area, unless something is left in it. */
  async #endPurges(): Promise<void> {
    this.#homes.clear();
    this.#logs.closeHours();
    await this.#purgeArea?.dispose();
  }
}

export type Artifacts = Pick<DiskArtifacts, keyof DiskArtifacts>;
export type LogFollower = Pick<TaskLogFollower, keyof TaskLogFollower>;

/**
 * Opens both roots; one that is missing holds nothing.
 *
 * @param byDescriptor whether to work under `/proc/self/fd`; by default if available
 */
export async function openArtifacts(
  { names, ...roots }: RootPaths & { names?: ArtifactNames },
  byDescriptor?: boolean,
): Promise<Artifacts> {
  return new DiskArtifacts(await openRoots(roots, byDescriptor), names);
}

/** Empty artifacts, for reading only the stores. */
export function noArtifacts(): Artifacts {
  return new DiskArtifacts({ output: undefined, logs: undefined, logsInOutput: undefined });
}
