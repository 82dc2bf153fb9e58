import { TtsctlError } from "../errors.ts";
import type { Snapshot } from "../store/file/snapshot.ts";
import { KeyTable } from "../store/key-table.ts";
import { trimId } from "../task/ids.ts";

/**
 * Which of some users, by the names of their folders, have a record in the store file, valid or not.
 * @param read gives the content that the file has now; where it cannot be read, all of them may have one
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
