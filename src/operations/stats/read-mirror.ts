import { TtsctlError } from "../../errors.ts";
import { statusCode } from "../../store/file/row-reader.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { KeyTable } from "../../store/key-table.ts";
import type { Member } from "../../store/redis/members.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import { indexMembers } from "../index-members.ts";
import { IN_FLIGHT, pool } from "../pool.ts";
import { CollectedColumns } from "./columns.ts";

export interface MirrorTasks {
  readonly columns: CollectedColumns;
  /** Tasks that came from the file, since their hash is gone. */
  readonly filled: number;
  /** Index members without a task in either store. */
  readonly dangling: number;
}

/**
 * Every task that an index of the mirror knows, of one user or of all.
 * @param behind where a task is looked for whose hash is gone; null: nowhere
 * @param onProgress told how many tasks there are so far
 * @throws TtsctlError REDIS_*
 */
export async function readMirrorTasks(
  mirror: Mirror,
  userId: string | undefined,
  behind: Snapshot | null,
  onProgress: (tasks: number) => void = () => {},
): Promise<MirrorTasks> {
  const columns = new CollectedColumns();
  const filled = new KeyTable();
  const dangling = new KeyTable();
  await pool(indexMembers(mirror, userId), IN_FLIGHT, async (members) => {
    const words = await wordsOf(mirror, members);
    members.forEach(({ userId, taskId, score }, i) => {
      const word = words[i];
      const row = word !== undefined || behind === null ? -1 : behind.rowOf(userId, taskId);
      if (word !== undefined) columns.add(userId, taskId, statusCode(word), score);
      else if (row < 0) dangling.addId(userId, taskId);
      else {
        filled.addId(userId, taskId);
        columns.add(userId, taskId, behind!.rows.status(row), behind!.rows.score(row));
      }
    });
    onProgress(columns.keys.size);
  });
  return { columns, filled: filled.size, dangling: dangling.size };
}

/** The status word of each member's hash; undefined where there is no usable hash. */
async function wordsOf(mirror: Mirror, members: readonly Member[]): Promise<(string | undefined)[]> {
  const words = (await mirror.statuses(members)).map((word) =>
    word === null || word instanceof TtsctlError ? undefined : word,
  );
  const unclear = members.flatMap((_, i) => (words[i] === undefined ? [i] : []));
  const tasks = await mirror.read(unclear.map((i) => members[i]!));
  unclear.forEach((i, at) => {
    const task = tasks[at];
    if (task !== undefined && !(task instanceof TtsctlError)) words[i] = task.status;
  });
  return words;
}
