import { LIVE, STATUS_CODES } from "../../store/file/rows.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { KeyTable } from "../../store/key-table.ts";
import type { Member, Mirror } from "../../store/redis/mirror.ts";
import type { TaskId } from "../../store/task-source.ts";
import { LIST_STEP } from "../member-list.ts";
import type { Copy } from "./copies.ts";

/** What a purge has to look at, found before anything is removed. */
export interface Survey {
  /** Rows of the snapshot, in file order. */
  readonly rows: number[];
  /** Tasks that no chosen row stands for: in Redis alone, or chosen for what Redis has of them. */
  readonly others: TaskId[];
  /** Every task that Redis has and the file has no record of. */
  readonly onlyInRedis: KeyTable;
  /** How many members the index has. */
  members: number;
}

/** The rows in force that are chosen. @param choose is given the row's ids to ask for, and its copy */
export function chosenRows({ rows }: Snapshot, choose: (id: () => TaskId, copy: Copy) => boolean): number[] {
  const chosen: number[] = [];
  for (let row = 0; row < rows.size; row++) {
    if (rows.state(row) !== LIVE) continue;
    const key = rows.key(row);
    const id = () => ({ userId: rows.keys.userId(key), taskId: rows.keys.taskId(key) });
    if (choose(id, { status: STATUS_CODES[rows.status(row)]!, score: rows.score(row) })) chosen.push(row);
  }
  return chosen;
}

/**
 * Walks the whole index once, by rank, so that equal scores and tasks that stay neither stall nor repeat it.
 * @param choose whether a member that no chosen row stands for is to be looked at
 */
export async function survey(
  snapshot: Snapshot,
  rows: number[],
  mirror: Mirror | null,
  choose: (member: Member, inFile: boolean) => boolean,
): Promise<Survey> {
  const chosen = new Uint8Array(snapshot.rows.keys.size);
  for (const row of rows) chosen[snapshot.rows.key(row)] = 1;
  const result: Survey = { rows, others: [], onlyInRedis: new KeyTable(), members: 0 };
  const visit = (member: Member) => {
    const key = snapshot.keyOf(member);
    if (key < 0) result.onlyInRedis.addId(member.userId, member.taskId);
    const known = key >= 0 && chosen[key] === 1;
    if (!known && choose(member, key >= 0)) result.others.push({ userId: member.userId, taskId: member.taskId });
  };
  for (let rank = 0, more = mirror !== null; more; rank += LIST_STEP) {
    const members = await mirror!.members(undefined, rank, LIST_STEP);
    for (const member of members) visit(member);
    result.members += members.length;
    more = members.length === LIST_STEP;
  }
  return result;
}
