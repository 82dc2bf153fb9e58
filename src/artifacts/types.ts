import type { FileHandle } from "node:fs/promises";
import type { AudioLength } from "./audio-length.ts";
import type { LogIndex } from "./log-index.ts";
import type { Usage } from "./look.ts";
import type { FolderOutcome } from "./purge-task.ts";
import type { Recovery } from "./recover.ts";
import type { FolderVisitor, FoundLog } from "./walk.ts";

/** The folder of a task by its names in `output/`. */
export interface FolderName {
  readonly userId: string;
  readonly taskId: string;
}

/** What ids may be called on the disk, where that is not the ids alone. */
export interface ArtifactNames {
  namesOf(id: string): readonly string[];
  foldersOf(id: FolderName): readonly FolderName[];
}

/** A file of a task; its path is relative to the folder that holds `output/` (absolute for logs that lie elsewhere). */
export interface Artifact extends AudioLength {
  path: string;
  bytes: number;
}

/** Some lines of one log; `path` as in an Artifact. */
export interface LogPart {
  path: string;
  lines: string[];
}

/** Follows the logs of one task, as `tail -F` does. */
export interface LogFollower {
  /** Goes to the last `count` lines, where what `read` gives begins. Returns whether there is a log yet. */
  begin(count: number): Promise<boolean>;
  /** The next lines; undefined where there is nothing new. At most a piece of a log is held in memory. */
  read(): Promise<LogPart | undefined>;
  /** Looks for logs of later hours, and for logs that were replaced or truncated, which are named. */
  look(): Promise<string[]>;
  /** Last lines that nothing ends. */
  rest(): LogPart[];
  close(): Promise<void>;
}

/** Which log: of a task, in `{date}/{hour}`. */
export type LogPlace = Pick<FoundLog, "taskId" | "hour">;

/** What became of one log. */
export type LogRemoval = { kind: "removed"; files: number; bytes: number } | { kind: "kept"; reason: string };

/** Which empty folders may go: none that the service may be about to put something into. */
export interface SweepRules {
  /** Epoch seconds: what was changed later stays. */
  readonly before: number;
  /** Epoch seconds; folders of logs were last changed a day before it besides. */
  readonly now: number;
  /** Which of these users have a record, looked up now: theirs stay. */
  withRecords(users: readonly string[]): Promise<ReadonlySet<string>>;
}

/**
 * The audio folders and log files of tasks (SPEC section 6, Artifacts): `output/{user}/{task}/` and
 * `Logs/{8 digits}/{2 digits}/{task}.log`. A task may have several, by other names. Nothing else is ever removed, and nothing below these two roots is reached
 * through a symbolic link.
 *
 * Made for one pass, under the lock that a pass holds. `purgeFolder`, `measureFolder`, `list` and the log index may be
 * used by several callers at once; `recover`, `sweep` and `close` only when none of these is under way.
 */
export interface Artifacts {
  /** Whether there is an `output/` at all. */
  readonly hasOutput: boolean;
  /** Why the artifacts of a task are never touched; undefined where they may be. */
  whyNever(userId: string, taskId: string): string | undefined;
  /** The folders that a task may have, by names that may be touched; without any, what its ids would name. */
  foldersOf(userId: string, taskId: string): readonly FolderName[];
  /** Puts back what a pass that was killed left in `output/.ttsctl-purge`. Begin a pass with it. */
  recover(): Promise<Recovery>;
  /** The files of a task, those of its folders first. Throws ARTIFACTS_UNSAFE where the folder cannot be read; logs that cannot be are left out. */
  list(userId: string, taskId: string): Promise<Artifact[]>;
  /**
   * Opens a file in a folder of a task for reading; the caller closes it. Undefined where there is none, or where a
   * name on the way is no plain one, or leads through a symbolic link.
   * @param names of the folders in the task's own, if any, and of the file
   */
  openFile(userId: string, taskId: string, names: readonly string[]): Promise<FileHandle | undefined>;
  /** The last lines of a task's logs, oldest log first. Logs that cannot be read are left out. */
  lastLogLines(taskId: string, count: number): Promise<LogPart[]>;
  /** The caller closes the follower before these artifacts. */
  followLogs(taskId: string): LogFollower;
  // What follows goes by the names of folders and logs.
  /** What `purgeFolder` would do, as far as can be told without doing it. */
  measureFolder(userId: string, taskId: string, now: number): Promise<FolderOutcome>;
  /** Removes the folder of a task, unless something in it was changed after `now` (epoch seconds). Never throws for what the disk refuses. */
  purgeFolder(userId: string, taskId: string, now: number): Promise<FolderOutcome>;
  /** What the files in the folder of a task take; undefined where there is none, or none that may be looked into. */
  usage(userId: string, taskId: string): Promise<Usage | undefined>;
  /** Visits the folder of every task there is, with a record or without, in no order. */
  walkFolders(visitor: FolderVisitor): Promise<void>;
  /** Visits the logs that are wanted; returns why parts of `Logs/` were not looked at, a line each. */
  walkLogs(wanted: (taskId: string) => boolean, visit: (log: FoundLog) => void): Promise<string[]>;
  /** Removes one log that a walk found, unless it was changed after `now`; `kept` says that and why it stays. */
  removeLog(log: LogPlace, now: number): Promise<LogRemoval>;
  /** Where the folder of a task, or a log, lies, as an operator sees it. */
  folderPath(userId: string, taskId: string): string;
  logPath(log: LogPlace): string;
  /** Finds the logs that are wanted, in one walk. */
  indexLogs(wanted: (taskId: string) => boolean): Promise<LogIndex>;
  /**
   * Ends a pass: removes the folders of users, hours and dates that this pass emptied, or log folders that it found
   * empty, if they were last changed before a time, its own removals aside. Returns how many.
   */
  sweep(rules: SweepRules): Promise<number>;
  close(): Promise<void>;
}
