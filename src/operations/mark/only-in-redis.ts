import { STATUS_CODES } from "../../store/file/rows.ts";
import { KeyTable } from "../../store/key-table.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { Copies, Copy } from "../purge/copies.ts";

/** The tasks to be marked that only Redis has, as columns: there may be a million. An entry is a number from 0 on. */
export class OnlyInRedis {
  readonly #keys = new KeyTable();
  readonly #statuses: number[] = [];
  readonly #scores: number[] = [];

  get size(): number {
    return this.#keys.size;
  }

  /** @param copy what was decided on */
  add({ userId, taskId }: TaskId, { status, score }: Copy): void {
    const entry = this.#keys.addId(userId, taskId);
    this.#statuses[entry] = STATUS_CODES.indexOf(status as (typeof STATUS_CODES)[number]);
    this.#scores[entry] = score;
  }

  id(entry: number): TaskId {
    return { userId: this.#keys.userId(entry), taskId: this.#keys.taskId(entry) };
  }

  /** The shown word that the task had. */
  from(entry: number): string {
    return STATUS_CODES[this.#statuses[entry]!]!;
  }

  /** Whether Redis's copy is what was decided on. */
  isAsDecided(entry: number, copy: Copies["mirror"]): boolean {
    if (copy === null || copy === "dangling") return false;
    return copy.status === this.from(entry) && Object.is(copy.score, this.#scores[entry]);
  }
}
