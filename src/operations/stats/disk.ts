import type { Artifacts } from "../../artifacts/artifacts.ts";
import { STATUS_CODES } from "../../store/file/rows.ts";
import { Column, KeyTable } from "../../store/key-table.ts";
import type { RecordRules } from "../../task/rules.ts";
import { FolderNames } from "../folder-names.ts";
import type { TaskColumns } from "./columns.ts";
import type { Tally } from "./tally.ts";
import type { DiskBytes, DiskStats } from "./types.ts";

/** The owner of a log whose task id several users have. */
const SHARED = -2;
const NOBODY = -1;

/** What audio and logs take, by status and user: one walk over the folders and one over the logs. */
export class DiskTally {
  readonly #artifacts: Artifacts;
  readonly #tally: Tally;
  readonly #rules: RecordRules;
  /** The names of the one user that is looked at. */
  readonly #user: readonly string[] | undefined;
  /** Where tasks may share a folder. */
  readonly #folders: FolderNames | null;
  readonly #byStatus = STATUS_CODES.map(() => noBytes());
  readonly #unowned = noBytes();
  readonly #linked = new Set<bigint>();
  #audioOfUser: Float64Array;
  #logsOfUser: Float64Array;
  #sharedLogBytes = 0;
  #unread = 0;

  private constructor(artifacts: Artifacts, tally: Tally, userId: string | undefined, rules: RecordRules) {
    this.#artifacts = artifacts;
    this.#tally = tally;
    this.#rules = rules;
    this.#user = userId === undefined ? undefined : rules.namesOf(userId);
    this.#folders = rules.sharesFolders ? foldersOf(tally.columns, rules) : null;
    this.#audioOfUser = new Float64Array(tally.users.size);
    this.#logsOfUser = new Float64Array(tally.users.size);
  }

  /** @param userId whose artifacts alone count, or undefined */
  static async read(
    artifacts: Artifacts,
    tally: Tally,
    userId: string | undefined,
    rules: RecordRules,
  ): Promise<DiskTally> {
    const disk = new DiskTally(artifacts, tally, userId, rules);
    await disk.#walkFolders();
    await disk.#walkLogs();
    return disk;
  }

  ofUser(user: number): DiskBytes {
    return { audioBytes: this.#audioOfUser[user]!, logBytes: this.#logsOfUser[user]! };
  }

  all(): DiskStats {
    const [other, wait, run, done, error] = this.#byStatus as [DiskBytes, DiskBytes, DiskBytes, DiskBytes, DiskBytes];
    const owned = [...this.#byStatus, this.#unowned];
    return {
      audioBytes: owned.reduce((sum, { audioBytes }) => sum + audioBytes, 0),
      logBytes: owned.reduce((sum, { logBytes }) => sum + logBytes, this.#sharedLogBytes),
      byStatus: { wait, run, done, error, other },
      sharedLogBytes: this.#sharedLogBytes,
      unowned: this.#unowned,
      unread: this.#unread,
    };
  }

  async #walkFolders(): Promise<void> {
    await this.#artifacts.walkFolders({
      folder: async (user, task) => {
        if (this.#user === undefined || this.#user.includes(user)) await this.#addFolder(user, task);
      },
      other: () => {},
      unread: () => {
        this.#unread++;
      },
    });
  }

  async #addFolder(user: string, task: string): Promise<void> {
    const usage = await this.#artifacts.usage(user, task);
    if (usage === undefined) return;
    let { bytes } = usage;
    for (const file of usage.linked) {
      if (this.#linked.has(file.inode)) continue; // a file of several names counts once
      this.#linked.add(file.inode);
      bytes += file.bytes;
    }
    const { columns, users } = this.#tally;
    const key = this.#folders?.ownerOf(user, task) ?? columns.keys.find(user, task);
    const status = key < 0 ? -1 : columns.status(key);
    if (status < 0) this.#unowned.audioBytes += bytes;
    else {
      this.#byStatus[status]!.audioBytes += bytes;
      this.#audioOfUser[users.addUserOf(columns.keys, key)]! += bytes;
    }
  }

  async #walkLogs(): Promise<void> {
    const owners = new LogOwners(this.#tally.columns, this.#rules);
    const skipped = await this.#artifacts.walkLogs(
      (taskId) => this.#user === undefined || owners.of(taskId) !== NOBODY,
      ({ taskId, bytes }) => this.#addLog(owners.of(taskId), bytes),
    );
    this.#unread += skipped.length;
  }

  #addLog(owner: number, bytes: number): void {
    const { columns, users } = this.#tally;
    if (owner === SHARED) this.#sharedLogBytes += bytes;
    else if (owner === NOBODY) this.#unowned.logBytes += bytes;
    else {
      this.#byStatus[columns.status(owner)]!.logBytes += bytes;
      this.#logsOfUser[users.addUserOf(columns.keys, owner)]! += bytes;
    }
  }
}

/** Whose task a log is of, by the task's id. */
class LogOwners {
  readonly #ids = new KeyTable();
  readonly #owners = new Column(new Int32Array(1 << 10));

  constructor(columns: TaskColumns, rules: RecordRules) {
    columns.each((key) => {
      if (!rules.sharesFolders) this.#own(key, () => this.#ids.addTaskOf(columns.keys, key));
      else for (const name of rules.namesOf(columns.keys.taskId(key))) this.#own(key, () => this.#ids.addId("", name));
    });
  }

  #own(key: number, add: () => number): void {
    const known = this.#ids.size;
    const id = add();
    this.#owners.set(id, id < known ? SHARED : key);
  }

  of(taskId: string): number {
    const id = this.#ids.find("", taskId);
    return id < 0 ? NOBODY : this.#owners.at(id);
  }
}

function foldersOf(columns: TaskColumns, rules: RecordRules): FolderNames {
  const names = new FolderNames(rules);
  columns.each((key) => names.add(columns.keys.userId(key), columns.keys.taskId(key), key));
  return names;
}

function noBytes(): DiskBytes {
  return { audioBytes: 0, logBytes: 0 };
}
