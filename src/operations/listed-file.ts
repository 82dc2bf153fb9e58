import { throwIfInterrupted } from "../errors.ts";
import type { Snapshot } from "../store/file/snapshot.ts";
import { KeyTable } from "../store/key-table.ts";
import type { Mirror } from "../store/redis/mirror.ts";
import { idOfMember, isUnsure } from "../store/redis/walk.ts";
import type { TaskId } from "../store/task-source.ts";
import { sameInstant } from "../task/version.ts";

const [ABSENT, LISTED, IN_STEP] = [0, 1, 2];

/** A content of the file compared with a listing of the global index, or of a user's. */
export class ListedFile {
  readonly #places: Uint8Array;
  /** Members without a record in the file, valid or not. */
  readonly orphans = new KeyTable();

  private constructor(private readonly snapshot: Snapshot) {
    this.#places = new Uint8Array(snapshot.rows.keys.size);
  }

  /** Lists an index. @throws TtsctlError REDIS_*, INTERRUPTED */
  static async read(
    snapshot: Snapshot,
    mirror: Mirror,
    userId: string | undefined,
    signal: AbortSignal,
  ): Promise<ListedFile> {
    const listed = new ListedFile(snapshot);
    for await (const { flat, times } of mirror.walkCopies(userId)) {
      throwIfInterrupted(signal, "nothing was written");
      for (let i = 0; i < flat.length / 2; i++) {
        const member = flat[2 * i]!;
        const id = idOfMember(member, userId, mirror.layout);
        const key = snapshot.keyOf(id);
        const time = key < 0 || times === null || isUnsure(member) ? "" : times[i]!;
        const at = time === "" ? Number.NaN : sameMoment(Number(flat[2 * i + 1]), mirror.parser.times.ofHash(time));
        listed.#note(key, id, at);
      }
    }
    return listed;
  }

  /** The same listing compared with another content of the file. */
  beside(snapshot: Snapshot): ListedFile {
    const other = new ListedFile(snapshot);
    const { keys } = this.snapshot.rows;
    for (let key = 0; key < this.#places.length; key++) {
      if (this.#places[key] === ABSENT) continue;
      const id = keys.id(key);
      other.#note(snapshot.keyOf(id), id, this.isInStep(key) ? this.#scoreOf(key) : Number.NaN);
    }
    for (const id of this.orphans.ids()) other.#note(snapshot.keyOf(id), id, Number.NaN);
    return other;
  }

  get members(): number {
    return this.orphans.size + this.#places.filter((place) => place !== ABSENT).length;
  }

  isMember(key: number): boolean {
    return this.#places[key] !== ABSENT;
  }

  /** Whether hash, both indexes and lookup agreed with the file. */
  isInStep(key: number): boolean {
    return this.#places[key] === IN_STEP;
  }

  /** If a member comes twice, the last counts. @param at the time of all parts of the copy; NaN if they differ */
  #note(key: number, { userId, taskId }: TaskId, at: number): void {
    if (key < 0) this.orphans.addId(userId, taskId);
    else this.#places[key] = at === this.#scoreOf(key) ? IN_STEP : LISTED;
  }

  #scoreOf(key: number): number {
    const row = this.snapshot.rows.liveRow(key);
    return row < 0 ? Number.NaN : this.snapshot.rows.score(row);
  }
}

/** The score of a member if its hash has the same time; else NaN. */
function sameMoment(score: number, time: number): number {
  return score === time || sameInstant(score, time) ? score : Number.NaN;
}
