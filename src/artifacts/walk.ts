import { pool } from "../pool.ts";
import { printableJson } from "../printable.ts";
import { type Folder, reasonOf, within } from "./folder.ts";
import { plainNameOf } from "./plain-name.ts";

const AT_ONCE = 4;

/** Works with the folder of a task that a walk finds; several calls may be under way at once. */
export type FolderVisit = (userId: string, taskId: string) => Promise<void>;

/**
 * Visits every `{user}/{task}/`; returns why parts were not looked at.
 * @param isOurs whether a name in `output/` is ttsctl's own
 * @param other gets the path, quoted, of anything that is no folder of a task
 */
export async function walkTaskFolders(
  output: Folder,
  isOurs: (name: string) => boolean,
  visit: FolderVisit,
  other: (path: string) => void,
): Promise<string[]> {
  const unread: string[] = [];
  const note = (error: unknown) => void unread.push(reasonOf(error));
  const inEach = (parent: Folder, work: (name: string) => Promise<void>) =>
    pool(parent.entries(), AT_ONCE, async ({ name, isFolder }) => {
      const plain = plainNameOf(name);
      if (parent === output && plain !== undefined && isOurs(plain)) return;
      if (plain === undefined || !isFolder) other(printableJson(parent.labelOf(name)));
      else await work(plain);
    });
  const inUser = (user: string) =>
    within(output.openOfSameMountIfThere(user), (home) => inEach(home, (task) => visit(user, task))).catch(note);
  await inEach(output, inUser).catch(note);
  return unread;
}
