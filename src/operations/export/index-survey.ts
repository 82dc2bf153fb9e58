import { KeySet } from "../../store/file/key-set.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { KeyTable } from "../../store/key-table.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import type { Member } from "../../store/redis/walk.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { RecordRules } from "../../task/rules.ts";
import { toMicros } from "../../task/time.ts";
import { indexMembers } from "../purge/survey.ts";

/** What Redis's index says beside the file: which tasks it alone has, and which it has at another time. */
export class IndexSurvey {
  readonly #snapshot: Snapshot | null;
  readonly #others: KeySet;
  readonly #only: KeyTable;
  readonly #scores: number[] = [];

  /** @param snapshot null where only Redis is asked */
  constructor(snapshot: Snapshot | null, rules: RecordRules) {
    this.#only = new KeyTable(rules.memberRanks);
    this.#snapshot = snapshot;
    this.#others = new KeySet(snapshot?.rows.keys.size ?? 0);
  }

  /** Goes through the index of a user, or of all: what is in it throughout is seen, however it changes meanwhile. */
  async read(mirror: Mirror, userId: string | undefined, signal: AbortSignal): Promise<void> {
    for await (const members of indexMembers(mirror, userId)) {
      for (const member of members) this.#note(member);
      if (signal.aborted) return;
    }
  }

  /** How many tasks only Redis has. */
  get size(): number {
    return this.#only.size;
  }

  /** Whether Redis has the task of a row of the file at another time. */
  differs(row: number): boolean {
    return this.#others.has(this.#snapshot!.rows.key(row));
  }

  /** The tasks that only Redis has, the longest unchanged first. */
  *onlyInRedis(): Generator<TaskId> {
    const order = Int32Array.from({ length: this.#only.size }, (_, key) => key);
    order.sort((a, b) => this.#scores[a]! - this.#scores[b]! || this.#only.compare(a, b));
    for (const key of order) yield this.#only.id(key);
  }

  #note({ userId, taskId, score }: Member): void {
    const row = this.#snapshot?.rowOf(userId, taskId) ?? -1;
    if (row < 0) this.#scores[this.#only.addId(userId, taskId)] = score;
    else if (toMicros(this.#snapshot!.rows.score(row)) !== toMicros(score)) {
      this.#others.add(this.#snapshot!.rows.key(row));
    }
  }
}
