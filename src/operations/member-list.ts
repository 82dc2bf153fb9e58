import type { Snapshot } from "../store/file/snapshot.ts";
import { KeyTable } from "../store/key-table.ts";
import type { Mirror } from "../store/redis/mirror.ts";
import { indexMembers } from "./index-members.ts";

/** What a file's key is in the index. */
const [ABSENT, ELSEWHERE, IN_PLACE] = [0, 1, 2];

/** What a listing of the index and the file together say. */
export interface ListedFile {
  /** The members that the file has no record of, valid or not. */
  readonly orphans: KeyTable;
  /** Whether a key of the file was a member. */
  isMember(key: number): boolean;
  /** Whether it was one with the score that its row in force has. */
  isInPlace(key: number): boolean;
}

/** The members of the global index, or of a user's, with their scores, as they were when they were listed. */
export class MemberList {
  readonly #keys = new KeyTable();
  #scores = new Float64Array(1 << 10);

  static async read(mirror: Mirror, userId: string | undefined): Promise<MemberList> {
    const list = new MemberList();
    for await (const members of indexMembers(mirror, userId)) {
      for (const { userId: user, taskId, score } of members) list.#add(user, taskId, score);
    }
    return list;
  }

  get size(): number {
    return this.#keys.size;
  }

  compare(snapshot: Snapshot): ListedFile {
    const orphans = new KeyTable();
    const { rows } = snapshot;
    const places = new Uint8Array(rows.keys.size);
    for (let number = 0; number < this.#keys.size; number++) {
      const key = snapshot.keyIn(this.#keys, number);
      if (key < 0) orphans.addOf(this.#keys, number);
      else places[key] = this.#isAt(number, rows, key) ? IN_PLACE : ELSEWHERE;
    }
    return {
      orphans,
      isMember: (key) => places[key] !== ABSENT,
      isInPlace: (key) => places[key] === IN_PLACE,
    };
  }

  #isAt(number: number, rows: Snapshot["rows"], key: number): boolean {
    const row = rows.liveRow(key);
    return row >= 0 && rows.score(row) === this.#scores[number];
  }

  /** Of a member that comes twice the last score counts. */
  #add(userId: string, taskId: string, score: number): void {
    const number = this.#keys.addId(userId, taskId);
    if (number >= this.#scores.length) {
      const larger = new Float64Array(2 * this.#scores.length);
      larger.set(this.#scores);
      this.#scores = larger;
    }
    this.#scores[number] = score;
  }
}
