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

/** The bytes of a user, by the number that the tally gave him. */
export interface Disk {
  readonly all: DiskStats;
  ofUser(user: number): DiskBytes;
}

/**
 * What audio and logs take, by status and user: one walk over the folders and one over the logs.
 * @param userId whose artifacts alone count, or undefined
 */
export async function readDisk(
  artifacts: Artifacts,
  { columns, users }: Tally,
  userId: string | undefined,
  rules: RecordRules,
): Promise<Disk> {
  const names = userId === undefined ? undefined : rules.namesOf(userId);
  const folders = rules.sharesFolders ? foldersOf(columns, rules) : null;
  const owners = new LogOwners(columns, rules);
  const byStatus = STATUS_CODES.map(noBytes);
  const byUser = { audioBytes: new Float64Array(users.size), logBytes: new Float64Array(users.size) };
  const unowned = noBytes();
  const linked = new Set<bigint>();
  let sharedLogBytes = 0;
  const add = (key: number, kind: keyof DiskBytes, bytes: number) => {
    const status = key < 0 ? -1 : columns.status(key);
    if (status < 0) unowned[kind] += bytes;
    else {
      byStatus[status]![kind] += bytes;
      byUser[kind][users.addUserOf(columns.keys, key)]! += bytes;
    }
  };
  const unread = await artifacts.walkFolders(async (user, task) => {
    if (names?.includes(user) === false) return;
    const folder = await artifacts.measureFolder(user, task);
    if (folder.kind !== "removed") return;
    let { bytes } = folder;
    for (const file of folder.linked ?? []) {
      if (linked.has(file.inode)) bytes -= file.bytes; // a file of several names counts once
      linked.add(file.inode);
    }
    add(folders?.ownerOf(user, task) ?? columns.keys.find(user, task), "audioBytes", bytes);
  });
  const skipped = await artifacts.walkLogs(
    (taskId) => names === undefined || owners.of(taskId) !== NOBODY,
    ({ taskId, bytes }) => {
      const owner = owners.of(taskId);
      if (owner === SHARED) sharedLogBytes += bytes;
      else add(owner, "logBytes", bytes);
    },
  );
  const sum = (kind: keyof DiskBytes) => [...byStatus, unowned].reduce((total, bytes) => total + bytes[kind], 0);
  const [other, wait, run, done, error] = byStatus as [DiskBytes, DiskBytes, DiskBytes, DiskBytes, DiskBytes];
  const all = {
    audioBytes: sum("audioBytes"),
    logBytes: sum("logBytes") + sharedLogBytes,
    byStatus: { wait, run, done, error, other },
    sharedLogBytes,
    unowned,
    unread: unread.length + skipped.length,
  };
  const ofUser = (user: number) => ({ audioBytes: byUser.audioBytes[user]!, logBytes: byUser.logBytes[user]! });
  return { all, ofUser };
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
