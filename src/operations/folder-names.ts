import { TtsctlError } from "../errors.ts";
import type { Snapshot } from "../store/file/snapshot.ts";
import { Column, KeyTable } from "../store/key-table.ts";
import { trimId } from "../task/ids.ts";
import type { RecordRules } from "../task/rules.ts";

const NOBODY = -1;

/** The owners of directories in `output/`, as numbers, in a layout in which tasks of different ids may share one. */
export class FolderNames {
  readonly #rules: RecordRules;
  readonly #names = new KeyTable();
  readonly #owners = new Column(new Int32Array(1 << 10));

  constructor(rules: RecordRules) {
    this.#rules = rules;
  }

  /** Of several that have one folder the last counts. */
  add(userId: string, taskId: string, owner: number): void {
    for (const folder of this.#rules.foldersOf({ userId, taskId })) {
      const name = this.#names.addId(folder.userId, folder.taskId);
      this.#owners.set(name, owner);
    }
  }

  /** The owner of a folder, or -1. */
  ownerOf(user: string, task: string): number {
    const name = this.#names.find(user, task);
    return name < 0 ? NOBODY : this.#owners.at(name);
  }
}

/**
 * Which of some users, by the names of their folders, have a record in the store file, valid or not.
 * @param read returns the content of the file now; if that can't be read, all users may have a record
 */
export async function usersWithRecords(read: () => Promise<Snapshot>, users: readonly string[]): Promise<Set<string>> {
  try {
    const { rows, invalid, rules } = await read();
    const known = new KeyTable();
    for (let key = 0; key < rows.keys.size; key++) {
      if (rows.liveRow(key) < 0 && !rows.hasInvalid(key)) continue;
      if (rules.sharesFolders) for (const name of rules.namesOf(rows.keys.userId(key))) known.addId(name, "");
      else known.addUserOf(rows.keys, key);
    }
    for (const name of [...invalid.taskless].flatMap(rules.namesOf)) known.addId(name, "");
    return new Set(users.filter((user) => known.find(trimId(user), "") >= 0));
  } catch (error) {
    if (error instanceof TtsctlError) return new Set(users);
    throw error;
  }
}
