import { batches } from "../pool.ts";
import { passingRows } from "../store/file/file-tasks.ts";
import type { Snapshot } from "../store/file/snapshot.ts";
import { KeyTable } from "../store/key-table.ts";
import { BATCH } from "../store/redis/copies.ts";
import type { Mirror } from "../store/redis/mirror.ts";
import type { Member } from "../store/redis/walk.ts";
import { keyOf, type TaskId } from "../task/ids.ts";
import { givenName, mayPass, needsRecord, type TaskFilter } from "../task/query-fields.ts";
import { copiesIn, copyPasses, existing, fileCopies } from "./copies.ts";
import { type Survey, survey } from "./survey.ts";

/** Which tasks: all that pass a filter, or those of some ids. */
export interface Selection {
  readonly filter: TaskFilter;
  /** A task without a user is in neither store. */
  readonly ids: readonly TaskId[] | null;
  /** Seconds: the shortest age in the filter, by this machine's clock; null for none. */
  readonly age: number | null;
}

/** A chosen task that is left as it is. `unfinished`: it may still be worked on, so it is deleted only by force. */
export type Refused = { user_id: string; task_id: string; reason: string; unfinished?: true };

/** The tasks that neither store has, as they were chosen: `gone`, and the unknown ones. */
export function missingOf({ ids, filter }: Selection, gone: readonly TaskId[]): string[] {
  const unknown = ids?.filter(({ userId }) => userId === "") ?? [];
  return [...unknown, ...gone].map((id) => givenName(id, filter));
}

/** Finds the tasks of which any copy passes the filter, and the ids that neither store has. If only one copy passes, the command decides. */
export async function select(snapshot: Snapshot, mirror: Mirror | null, chosen: Selection): Promise<Survey> {
  const { filter, ids } = chosen;
  const copiesOf = async (tasks: readonly TaskId[]) => (mirror === null ? [] : copiesIn(mirror, tasks, filter));
  const others = new KeyTable();
  if (ids !== null) {
    const rows: number[] = [];
    const named = ids.filter(({ userId }) => userId !== "");
    for (const tasks of batches(named, BATCH)) {
      const [inFile, inRedis] = [await fileCopies(snapshot, tasks, filter), await copiesOf(tasks)];
      tasks.forEach((id, i) => {
        const present = existing({ file: inFile[i]!, mirror: inRedis[i] ?? null });
        if (present.length > 0 && !present.some((copy) => copyPasses(copy, filter))) return;
        const row = snapshot.rowOf(id);
        if (row >= 0) rows.push(row);
        else others.addId(id.userId, id.taskId);
      });
    }
    return { rows, others, members: (await mirror?.size(undefined)) ?? 0 };
  }
  const rows = await passingRows(snapshot, filter);
  const timeless = new Set<unknown>();
  const choose = ({ userId, taskId, score }: Member) => {
    if (!Number.isNaN(score)) return mayPass({ userId, score }, filter);
    timeless.add(keyOf({ userId, taskId }));
    return mayPass({ userId }, filter);
  };
  const found = await survey(snapshot, rows, mirror, choose, { hashes: filter.users });
  const isKnown = filter.statuses.size === 0 && !needsRecord(filter);
  if (isKnown && timeless.size === 0) return found;
  for (const batch of batches(found.others.ids(), BATCH)) {
    const copies = await copiesOf(batch);
    batch.forEach((id, i) => {
      const isChosen = isKnown && !timeless.has(keyOf(id));
      if (isChosen || (copies[i] != null && copyPasses(copies[i], filter))) others.addId(id.userId, id.taskId);
    });
  }
  return { ...found, others };
}
