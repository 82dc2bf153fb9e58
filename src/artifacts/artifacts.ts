import { closeSync, fstatSync, readSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { systemClock, Turns } from "../clock.ts";
import { TtsctlError } from "../errors.ts";
import { printableJson } from "../printable.ts";
import type { AudioLength } from "./audio-length.ts";
import {
  DESCRIPTORS,
  eachFolder,
  type Folder,
  FolderError,
  HeldFolders,
  ignoreRefusal,
  Kept,
  type Name,
  reasonOf,
  within,
} from "./folder.ts";
import { LOG_SUFFIX, LogFolders } from "./logs.ts";
import { ANY_AGE, areOne, filesIn, lookIntoChild, type Measured, measure, type NewestAllowed, total } from "./look.ts";
import { mediaTypeOf } from "./media-types.ts";
import { type FolderName, isPlainName, isPurgeFolder, plainNameOf } from "./plain-name.ts";
import { type FolderOutcome, keptBecause, PurgeArea, type Recovery } from "./purge-area.ts";
import { openRoots, type RootPaths, type Roots } from "./roots.ts";
import { OwnChanges, type SweepRules, sweepFolders } from "./sweep.ts";
import { TaskLogs } from "./task-logs.ts";

export type { LogPlace } from "./logs.ts";
export type { Measured, NewestAllowed } from "./look.ts";
export type { FolderName } from "./plain-name.ts";
export type { FolderOutcome } from "./purge-area.ts";
export type { LogPart } from "./task-logs.ts";

interface ArtifactNames {
  namesOf(id: string): readonly string[];
  foldersOf(id: FolderName): readonly FolderName[];
}

const AS_IDS: ArtifactNames = { namesOf: (id) => [id], foldersOf: (id) => [id] };

/**
 * The audio folders and log files of tasks (docs/contract.md, Whose directory is it): `output/{user}/{task}/` and
 * `Logs/{8 digits}/{2 digits}/{task}.log`, perhaps several by other names. Nothing else is ever removed, and nothing below the two roots
 * is reached through a link. Made for one pass, under its lock. Calls that return no promise are synchronous: await `turn` between two tasks.
 */
class DiskArtifacts {
  readonly logs: LogFolders;
  readonly hasOutput: boolean;
  /** Whether there is one of the two roots. */
  readonly areThere: boolean;
  readonly device: bigint | undefined;
  /** Why a root was left out, if that is allowed. */
  readonly unread: Roots["unread"];
  readonly #userChanges = new OwnChanges();
  readonly #purgeArea: PurgeArea | undefined;
  readonly #homes: HeldFolders | undefined;
  readonly #turns = new Turns();
  readonly [Symbol.dispose] = () => this.close();
  #closed = false;

  constructor(
    private readonly roots: Roots,
    private readonly names: ArtifactNames = AS_IDS,
  ) {
    this.logs = new LogFolders(roots.logs, this.#turns);
    this.#purgeArea = roots.output && new PurgeArea(roots.output);
    this.#homes = roots.output && new HeldFolders(roots.output, (output, user) => output.openOfSameMountIfThere(user));
    this.hasOutput = roots.output !== undefined;
    this.areThere = this.hasOutput || roots.logs !== undefined;
    this.device = roots.output?.dev;
    this.unread = roots.unread;
  }

  /** Why a folder is never touched; undefined if it may be. */
  whyNever({ userId, taskId }: FolderName): string | undefined {
    if (!isPlainName(userId)) return "the user id is not one plain name";
    if (!isPlainName(taskId)) return "the task id is not one plain name";
    if (isPurgeFolder(userId)) return "the user id is the name of the directory where artifacts are removed";
    if (userId === this.roots.logsInOutput) return "the user id is the name of the directory that holds the logs";
    return undefined;
  }

  /** Whether two names of folders lead to the same one: the file system ignores case. If that can't be read, they do. */
  areOne(one: FolderName, other: FolderName): boolean {
    return areOne(() => [one, other].map((name) => this.#inHome(name, (home) => home.exactStats(name.taskId))));
  }

  /** The folders that a task may have, by names that may be touched; without any, what its ids would name. */
  foldersOf(userId: string, taskId: string): readonly FolderName[] {
    const folders = this.names.foldersOf({ userId, taskId });
    const safe = folders.filter((folder) => this.whyNever(folder) === undefined);
    return safe.length > 0 ? safe : folders.slice(0, 1);
  }

  folderPath(userId: string, taskId: string): string {
    return `${this.roots.output?.label ?? ""}/${userId}/${taskId}`;
  }

  logsOf(taskId: string): TaskLogs {
    return new TaskLogs(this.logs, this.#logNamesOf(taskId));
  }

  /** Lets other work of this process have a turn, if it is time. */
  turn(): Promise<void> | undefined {
    return this.#turns.next();
  }

  /** Puts back what a pass that was killed left in `output/.ttsctl-purge`. Begin a pass with it. */
  recover(): Recovery {
    this.#purgeArea?.dispose();
    return this.#purgeArea?.recover() ?? { folders: 0, left: [] };
  }

  /** The files in some folders (names may have slashes), then the task's logs. @param note gets why parts weren't read; without it, that of a folder is thrown */
  async list(folders: readonly FolderName[], logsOf: string | null, note?: (reason: string) => void) {
    const found: Artifact[] = [];
    for (const { message } of this.unread.values()) note?.(message);
    const { output } = this.roots;
    for (const folder of output === undefined ? [] : folders) {
      const names = `${folder.userId}/${folder.taskId}`.split("/");
      const [userId = "", taskId = ""] = names;
      // What is never touched is not a task's.
      if (!names.every((name) => isPlainName(name)) || this.whyNever({ userId, taskId }) !== undefined) continue;
      try {
        found.push(...(await listFolder(output!, names, this.#turns)));
      } catch (error) {
        const reason = reasonOf(error);
        if (!(error instanceof FolderError)) continue;
        if (note === undefined) throw new TtsctlError("ARTIFACTS_UNSAFE", reason, { cause: error });
        note(reason);
      }
    }
    const logs = logsOf === null ? [] : await this.logs.find(this.#logNamesOf(logsOf), note); // looks into every hour
    for (const { path, bytes } of logs) found.push({ path, bytes });
    return found;
  }

  /** Opens a file of a task, for its caller to close; undefined if it is missing or isn't reached by plain names and without links. */
  async openFile(userId: string, taskId: string, names: readonly string[]): Promise<FileHandle | undefined> {
    if (!names.every((name) => isPlainName(name))) return undefined;
    for (const folder of this.foldersOf(userId, taskId)) {
      try {
        const fd = this.#inHome(folder, (home) => openBelow(home, [folder.taskId, ...names]));
        if (fd !== undefined) return await open(`${DESCRIPTORS}/${fd}`).finally(() => closeSync(fd));
      } catch (error) {
        ignoreRefusal(error);
      }
    }
    return undefined;
  }

  /** The likely outcome of `purgeFolder`; without limits, the size of a folder of any age. */
  measureFolder(userId: string, taskId: string, newest = ANY_AGE): FolderOutcome {
    return this.#outcome({ userId, taskId }, (home) => {
      const contents = lookIntoChild(home, taskId, newest);
      return contents && { kind: "removed", ...total(contents) };
    });
  }

  /** Removes the folder of a task, unless something in it is newer than is allowed. Never throws for what the disk refuses. */
  purgeFolder(userId: string, taskId: string, newest: NewestAllowed): FolderOutcome {
    const folder = { userId, taskId };
    return this.#outcome(folder, (home) => this.#purgeArea!.purge(home, folder, newest, this.#userChanges));
  }

  /** Visits the folder of every task, which it can measure; returns why parts of `output/` were skipped. @param other gets the quoted path of anything else */
  async walkFolders(
    visit: (userId: string, taskId: string, measureIt: () => Measured | undefined) => Promise<void> | void,
    other: (path: string) => void = () => {},
  ): Promise<string[]> {
    const { output, logsInOutput } = this.roots;
    const unread: string[] = [];
    const note = (reason: string) => void unread.push(reason);
    function* foldersIn(parent: Folder): Generator<string> {
      for (const { name, isFolder } of parent.entries()) {
        const plain = plainNameOf(name);
        if (parent === output && plain !== undefined && (plain === logsInOutput || isPurgeFolder(plain))) continue;
        if (plain === undefined || !isFolder) other(printableJson(parent.labelOf(name)));
        else yield plain;
      }
    }
    const inUser = async (home: Folder, user: string) => {
      for (const task of foldersIn(home)) {
        await visit(user, task, () => measure(home, task));
        await this.turn();
      }
    };
    try {
      if (output !== undefined) await eachFolder(output, foldersIn(output), note, inUser);
    } catch (error) {
      note(reasonOf(error));
    }
    return unread;
  }

  /** Ends a pass: removes folders that it emptied, or log folders that it found empty, if they were old before. */
  async sweep(rules: SweepRules): Promise<void> {
    this.#purgeArea?.dispose();
    const [{ before, withRecords }, changes] = [rules, this.#userChanges];
    const users = changes.keys().filter((user) => changes.isOld(user, before));
    if (users.length > 0) {
      // A service may be about to make a task's folder in its user's; it has written a record by then.
      const busy = await withRecords(users);
      const idle = users.filter((user) => !busy.has(user));
      sweepFolders(this.roots.output!, idle, (user, mtimeNs) => changes.isOld(user, before, mtimeNs));
    }
    changes.clear();
    this.logs.sweep(rules);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#purgeArea?.dispose();
    this.#homes?.close();
    this.logs.close();
    this.roots.output?.close();
    this.roots.logs?.close();
  }

  /** Works in the folder of a user; undefined if it is missing. @throws Kept for names that are never touched */
  #inHome<R>(folder: FolderName, work: (home: Folder) => R): R | undefined {
    const unsafe = this.whyNever(folder);
    if (unsafe !== undefined) throw new Kept(unsafe);
    const { output } = this.roots;
    if (!output?.mayHave(`${folder.userId}/${folder.taskId}`)) return undefined; // most tasks have none
    const home = this.#homes!.at(folder.userId);
    return home && work(home);
  }

  /** A failure of the disk is an outcome: it must not stop a pass. */
  #outcome(folder: FolderName, work: (home: Folder) => FolderOutcome | undefined): FolderOutcome {
    try {
      return this.#inHome(folder, work) ?? { kind: "absent" };
    } catch (error) {
      return keptBecause(error);
    }
  }

  #logNamesOf(taskId: string): string[] {
    const names = this.names.namesOf(taskId).filter((name) => isPlainName(name, LOG_SUFFIX));
    return names.map((name) => name + LOG_SUFFIX);
  }
}

export type Artifacts = Pick<DiskArtifacts, keyof DiskArtifacts>;
export type LogFollower = Pick<TaskLogs, keyof TaskLogs>;

/** Opens both roots; one that is missing holds nothing. */
export function openArtifacts({ names, ...roots }: RootPaths & { names?: ArtifactNames }): Artifacts {
  return new DiskArtifacts(openRoots(roots), names);
}

/** Empty artifacts, for reading only the stores. */
export function noArtifacts(): Artifacts {
  return new DiskArtifacts({ output: undefined, logs: undefined, logsInOutput: undefined, unread: new Map() });
}

const MEASURED = ["audio/wav", "audio/mpeg", "audio/flac", "audio/ogg", "audio/mp4"];
const MOST_S = 5;

/** A file of a task; its path is relative to the folder that holds `output/` (absolute for logs that are elsewhere). */
interface Artifact extends AudioLength {
  path: string;
  bytes: number;
}

/** The files in a folder some levels below `output/`, links among them. @throws Kept, FolderError */
async function listFolder(output: Folder, names: readonly string[], turns: Turns): Promise<Artifact[]> {
  const contents = below(output, names, (parent, name) => lookIntoChild(parent, name, ANY_AGE));
  const artifacts: Artifact[] = [];
  const deadline = systemClock.monotonic() + MOST_S;
  for (const { way, bytes } of contents === undefined ? [] : filesIn(contents, names)) {
    const length = bytes > 0 ? await lengthOf(output, way, deadline) : {};
    artifacts.push({ path: [output.label, ...way].join("/"), bytes, ...length });
    await turns.next();
  }
  return artifacts.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Opens a file below a folder, for its caller to close; undefined if it is missing. @throws Kept for anything but a file; FolderError */
function openBelow(folder: Folder, names: readonly Name[]): number | undefined {
  return below(folder, names, (parent, name) => parent.openFileIfThere(name));
}

/** Works in the folder that holds the last of some names; undefined if one on the way to it is missing. */
function below<R>(folder: Folder, names: readonly Name[], work: (parent: Folder, name: Name) => R): R | undefined {
  const [name = "", ...rest] = names;
  if (rest.length === 0) return work(folder, name);
  return within(folder.openOfSameMountIfThere(name), (inner) => below(inner, rest, work));
}

/** How long a file plays. One that can't be opened or read is listed without it. */
async function lengthOf(output: Folder, names: readonly Name[], deadline: number): Promise<AudioLength> {
  const mediaType = mediaTypeOf(names.at(-1)!.toString());
  if (mediaType === undefined || !MEASURED.includes(mediaType)) return {};
  const { audioLength } = await import("./audio-length.ts");
  let fd: number | undefined;
  try {
    const file = openBelow(output, names);
    fd = file;
    if (file === undefined) return {};
    return await audioLength((...place) => readSync(file, ...place), fstatSync(file).size, mediaType, deadline);
  } catch (error) {
    return ignoreRefusal(error) ?? {};
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
