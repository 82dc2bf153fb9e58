import type { Snapshot } from "../store/file/snapshot.ts";
import { KeyTable } from "../store/key-table.ts";
import type { Mirror } from "../store/redis/mirror.ts";
import { indexMembers } from "./index-members.ts";

/** The members of the global index, or of a user's, as they were when they were listed. */
export class MemberList {
  readonly #keys = new KeyTable();

  static async read(mirror: Mirror, userId: string | undefined): Promise<MemberList> {
    const list = new MemberList();
    for await (const members of indexMembers(mirror, userId)) {
      for (const member of members) list.#keys.addId(member.userId, member.taskId);
    }
    return list;
  }

  get size(): number {
    return this.#keys.size;
  }

  /** The members that the file has no record of, valid or not, and which of its keys are members. */
  compare(snapshot: Snapshot): { orphans: KeyTable; isMember: (key: number) => boolean } {
    const orphans = new KeyTable();
    const isMember = new Uint8Array(snapshot.rows.keys.size);
    for (let number = 0; number < this.#keys.size; number++) {
      const key = snapshot.keyIn(this.#keys, number);
      if (key < 0) orphans.addOf(this.#keys, number);
      else isMember[key] = 1;
    }
    return { orphans, isMember: (key) => isMember[key] === 1 };
  }
}
