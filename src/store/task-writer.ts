import type { TtsctlError } from "../errors.ts";
import type { Task } from "../task/task.ts";
import type { Change, ChangeOutcome, ChangeResult } from "./file/batch-plan.ts";
import { FileWriter, type FileWriterParts } from "./file/file-writer.ts";
import { GroupCommit } from "./group-commit.ts";
import type { MirrorChange, MirrorOutcome } from "./mirror-change.ts";
import type { MirrorLink } from "./mirror-link.ts";
import { MirrorWriter } from "./mirror-writer.ts";
import type { TaskId } from "./task-source.ts";

/** What a change came to in each store. Where the file has a newer record, the mirror is left alone as well. */
export interface Written {
  readonly file: ChangeOutcome;
  readonly mirror: MirrorOutcome;
}

export interface TaskWriterParts extends FileWriterParts {
  readonly link: MirrorLink;
  /** Told of changes that the file has and the mirror did not take, or whose outcome there is unknown. */
  onMirrorFailure(error: TtsctlError, count: number): void;
}

/**
 * The double write of a process that lives on (SPEC section 9): into the file first, then into Redis, what waits
 * together at once. Changes of one task keep their order in both.
 */
export class TaskWriter {
  readonly #file: GroupCommit<Change, ChangeResult>;
  readonly #fileWriter: FileWriter;
  readonly #mirror: GroupCommit<MirrorChange, MirrorOutcome>;

  constructor(parts: TaskWriterParts) {
    const file = new FileWriter(parts);
    this.#fileWriter = file;
    const mirror = new MirrorWriter(parts.link, parts.onMirrorFailure);
    this.#file = new GroupCommit((batches) => file.work(batches));
    this.#mirror = new GroupCommit((batches) => mirror.work(batches));
  }

  /**
   * Puts a task in the file, unless the file has a newer record of it, and then in the mirror. Resolves when the file has
   * it on the disk; a failure of Redis is a value.
   * @throws TtsctlError STORE_*, LOCK_*: nothing was written to Redis, and nothing to the file as far as is known
   */
  upsert(task: Task): Promise<Written> {
    return this.#change({ kind: "upsert", task });
  }

  /** Takes a task out of the file, all its records, and then out of the mirror; a newer copy there stays. Throws as `upsert`. */
  remove(id: TaskId): Promise<Written> {
    return this.#change({ kind: "remove", id });
  }

  /** Returns when all that was asked for is done. */
  async close(): Promise<void> {
    await this.#file.close();
    await this.#fileWriter.close();
    await this.#mirror.close();
  }

  async #change(change: Change): Promise<Written> {
    const { outcome, before } = await this.#file.add(change);
    if (outcome === "newer") return { file: outcome, mirror: "newer" };
    return { file: outcome, mirror: await this.#mirror.add({ change, before }) };
  }
}
