import type { Snapshot } from "../../store/file/snapshot.ts";
import { KeyTable } from "../../store/key-table.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { Suspects } from "./suspects.ts";

/**
 * Members in the index of a user who has no such task, while another has: they are that task's, *misplaced*. All that a
 * stray is of its own is the member; where nobody has such a task it is dangling.
 */
export class Strays {
  readonly #names = new KeyTable();
  /** By suspect: the number of its owner's name. */
  readonly #ownerOf = new Map<number, number>();

  /** @param userId the one user whose tasks are looked at: another one's is no owner then */
  static find(suspects: Suspects, snapshot: Snapshot, userId: string | undefined): Strays {
    const strays = new Strays();
    const wanted = membersByTask(suspects);
    if (wanted.size === 0) return strays;
    const offer = (keys: KeyTable, key: number, score: number) => {
      const members = wanted.get(keys.taskId(key));
      if (members === undefined) return;
      const owner = keys.userId(key);
      if (userId !== undefined && owner !== userId) return;
      for (const member of members) strays.#offer(suspects, member, owner, score);
    };
    for (const row of snapshot.liveRows()) offer(snapshot.rows.keys, snapshot.rows.key(row), snapshot.rows.score(row));
    for (const suspect of suspects.of("onlyInRedis", "partial")) {
      offer(suspects.keys, suspect, suspects.mirrorTime(suspect));
    }
    return strays;
  }

  has(suspect: number): boolean {
    return this.#ownerOf.has(suspect);
  }

  /** The suspects that are no tasks of their own. */
  members(): Iterable<number> {
    return this.#ownerOf.keys();
  }

  /** The tasks whose members stand in the index of another user, each once. */
  *owners(): Generator<TaskId> {
    for (const owner of new Set(this.#ownerOf.values())) yield this.#names.id(owner);
  }

  /** Whose a member is. */
  ownerOf(suspect: number): TaskId {
    return this.#names.id(this.#ownerOf.get(suspect)!);
  }

  /** The first that has such a task, or better the one whose time the member has. */
  #offer(suspects: Suspects, member: number, owner: string, score: number): void {
    const { userId, taskId } = suspects.id(member);
    if (userId === owner || (this.has(member) && suspects.mirrorTime(member) !== score)) return;
    this.#ownerOf.set(member, this.#names.addId(owner, taskId));
  }
}

/** The suspects that are no more than a member of a user's index, by task id. */
function membersByTask(suspects: Suspects): Map<string, number[]> {
  const members = new Map<string, number[]>();
  for (const suspect of suspects.of("dangling")) {
    if (!suspects.memberOnly(suspect)) continue;
    const { taskId } = suspects.id(suspect);
    const same = members.get(taskId);
    if (same === undefined) members.set(taskId, [suspect]);
    else same.push(suspect);
  }
  return members;
}
