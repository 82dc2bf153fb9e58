import { Column, KeyTable } from "../store/key-table.ts";
import type { RecordRules } from "../task/rules.ts";

const NOBODY = -1;

/** Whose a folder in `output/` is, by its names, where tasks of different ids may have one. Owners are numbers. */
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
