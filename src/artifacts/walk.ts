import { pool } from "../pool.ts";
import { printableJson } from "../printable.ts";
import { type Folder, reasonOf, within } from "./folder.ts";
import { plainNameOf } from "./plain-name.ts";

const USERS_AT_ONCE = 4;
const TASKS_AT_ONCE = 4;

/** Is told what a walk over `output/` finds; several calls may be under way at once. */
export interface FolderVisitor {
  folder(userId: string, taskId: string): Promise<void>;
  /** Something that is no folder of a task: its path, quoted. */
  other(path: string): void;
  /** A part that could not be looked into, and why. */
  unread(reason: string): void;
}

/** Visits every `{user}/{task}/`. @param isOurs whether a name in `output/` is ttsctl's own */
export async function walkTaskFolders(
  output: Folder,
  isOurs: (name: string) => boolean,
  visitor: FolderVisitor,
): Promise<void> {
  await noting(visitor, () =>
    pool(output.entries(), USERS_AT_ONCE, async ({ name, isFolder }) => {
      const user = plainNameOf(name);
      if (user !== undefined && isOurs(user)) return;
      if (user === undefined || !isFolder) visitor.other(printableJson(output.labelOf(name)));
      else await noting(visitor, () => walkUser(output, user, visitor));
    }),
  );
}

async function walkUser(output: Folder, user: string, visitor: FolderVisitor): Promise<void> {
  await within(output.openOfSameMountIfThere(user), (home) =>
    pool(home.entries(), TASKS_AT_ONCE, async ({ name, isFolder }) => {
      const task = plainNameOf(name);
      if (task === undefined || !isFolder) visitor.other(printableJson(home.labelOf(name)));
      else await visitor.folder(user, task);
    }),
  );
}

async function noting(visitor: FolderVisitor, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    visitor.unread(reasonOf(error));
  }
}
