import { TtsctlError } from "../errors.ts";
import type { Snapshot } from "../store/file/snapshot.ts";
import { Column, KeyTable } from "../store/key-table.ts";
import { trimId } from "../task/ids.ts";
import type { RecordRules } from "../task/rules.ts";

export const NOBODY = -1;

/** The owner of a folder in `output/`, and of a log, by their names: tasks of different ids may have the same. Owners are numbers. */
export class FolderNames {
  readonly #rules: RecordRules;
  readonly #names = new KeyTable();
  readonly #owners = new Column(new Int32Array(1 << 10));

  constructor(rules: RecordRules) {
    this.#rules = rules;
  }

  /** Of several that have one folder the last counts. */
  add(userId: string, taskId: string, owner: number): void {
    for (const folder of this.#rules.foldersOf({ userId, taskId })) this.#set(folder.userId, folder.taskId, owner);
  }

  /** The same for the logs of a task id. @param ofSeveral the owner of a log that had one before */
  addLog(taskId: string, owner: number, ofSeveral = owner): void {
    for (const name of this.#rules.namesOf(taskId)) this.#set("", name, owner, ofSeveral);
  }

  #set(user: string, task: string, owner: number, ofSeveral = owner): void {
    const known = this.#names.size;
    const name = this.#names.addId(user, task);
    this.#owners.set(name, name < known ? ofSeveral : owner);
  }

  /** The owner of a folder, or -1. */
  ownerOf(user: string, task: string): number {
    const name = this.#names.find(user, task);
    return name < 0 ? NOBODY : this.#owners.at(name);
  }

  /** The owner of a log by its name without `.log`, or -1. */
  ownerOfLog(name: string): number {
    return this.ownerOf("", name);
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
