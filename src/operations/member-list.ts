import type { Snapshot } from "../store/file/snapshot.ts";
import { KeyTable } from "../store/key-table.ts";
import type { Mirror } from "../store/redis/mirror.ts";
import type { TaskId } from "../store/task-source.ts";

/** How many members of an index one command asks for. */
export const LIST_STEP = 1000;

/** The members of the global index, or of a user's, as they were when they were listed. */
export class MemberList {
  readonly #keys = new KeyTable();

  static async read(mirror: Mirror, userId: string | undefined): Promise<MemberList> {
    const list = new MemberList();
    for (let rank = 0; ; rank += LIST_STEP) {
      const members = await mirror.members(userId, rank, LIST_STEP);
      for (const member of members) list.#keys.addId(member.userId, member.taskId);
      if (members.length < LIST_STEP) return list;
    }
  }

  get size(): number {
    return this.#keys.size;
  }

  /** The members that the file has no record of, valid or not. */
  without(snapshot: Snapshot): TaskId[] {
    const orphans: TaskId[] = [];
    for (let key = 0; key < this.#keys.size; key++) {
      const id = { userId: this.#keys.userId(key), taskId: this.#keys.taskId(key) };
      if (!snapshot.holds(id)) orphans.push(id);
    }
    return orphans;
  }
}
