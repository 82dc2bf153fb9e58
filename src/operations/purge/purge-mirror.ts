import { isRedisError, TtsctlError } from "../../errors.ts";
import { batches } from "../../pool.ts";
import type { CurrentFile } from "../../store/file/shared-snapshot.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import type { CopyView, RedisCopy } from "../../store/layout/copy.ts";
import type { CopyReading } from "../../store/layout/layout.ts";
import { BATCH, type GuardedRemoval, type Outcome } from "../../store/redis/copies.ts";
import { ServerError, unlessFatal } from "../../store/redis/errors.ts";
import { lacksMembers, type Mirror } from "../../store/redis/mirror.ts";
import { readRecords } from "../../store/redis/records.ts";
import { writeToMirror } from "../../store/redis/write.ts";
import type { Writable } from "../../store/writable.ts";
import { WrittenCopies } from "../../store/written-copies.ts";
import { counted } from "../../task/amounts.ts";
import { keyOf, type TaskId } from "../../task/ids.ts";
import type { Task } from "../../task/task.ts";
import type { Cleared } from "../preflight.ts";
import { NamedWarnings, type Reporter } from "../reporter.ts";

const RUN_SYNC = "run `ttsctl sync`";

/** The mirror during a purge. If a task is kept after all, its copy is put back. */
export class PurgeMirror {
  /** Also after the mirror was lost; null if there was none. */
  readonly reading: CopyReading | null;
  readonly #notWrittenBack: NamedWarnings;
  /** The removed copies that were newer than the file's. */
  readonly #ahead: Task[] = [];
  /** The users whose tasks were removed, and (undefined) all: whether their index can be counted again. */
  readonly #users = new Map<string | undefined, boolean>();

  constructor(
    private readonly use: Cleared["use"],
    reporter: Reporter,
    private readonly view: CopyView,
  ) {
    this.reading = use.mirror;
    this.#notWrittenBack = new NamedWarnings(reporter, "was kept, but could not be restored in Redis");
  }

  get isThere(): boolean {
    return this.use.mirror !== null;
  }

  get lost(): TtsctlError | null {
    return this.reading === null ? null : this.use.lost;
  }

  async copies(ids: readonly TaskId[]): Promise<Outcome<RedisCopy>[]> {
    return (await this.#ask((mirror) => mirror.copies(ids, this.view))) ?? [];
  }

  /** The records that Redis holds, with what only those of the file have; undefined for what cannot be read. */
  async read(ids: readonly TaskId[], file: Snapshot): Promise<(Task | undefined)[]> {
    if (ids.length === 0) return [];
    const ours = await file.recordsOf(ids);
    const copies = (await this.#ask((mirror) => readRecords(mirror, ids, ours))) ?? [];
    return ids.map((_, i) => (copies[i] instanceof TtsctlError ? undefined : copies[i]));
  }

  /** Reads copies that are newer than the file's before they are removed: they may have to be put back. */
  async remember(ids: readonly TaskId[], file: Snapshot): Promise<void> {
    this.#ahead.push(...(await this.read(ids, file)).filter((task) => task !== undefined));
  }

  /** The conditional delete; undefined if the mirror was lost, so no outcome is known. */
  remove(removals: readonly GuardedRemoval[]): Promise<readonly Outcome<boolean>[] | undefined> {
    return this.#ask(async (mirror) => {
      const named = new Set([undefined, ...removals.map(({ id }) => id.userId)]);
      const fresh = [...named].filter((userId) => !this.#users.has(userId));
      const standings = fresh.length === 0 ? [] : await mirror.standings(fresh).catch(unlessRefused);
      // The count of an index that has lost members is kept, because it shows the loss.
      fresh.forEach((userId, i) => {
        const standing = standings?.[i];
        this.#users.set(userId, standing !== undefined && !lacksMembers(standing));
      });
      return unlessFatal(await mirror.remove(removals));
    });
  }

  /** Puts kept tasks back: the file's records, and copies that were newer. */
  async writeBack(file: CurrentFile, ids: readonly TaskId[]): Promise<void> {
    if (ids.length === 0 || !this.isThere) return;
    const records = await (await file.snapshot()).recordsOf(ids);
    const inFile = new Map(records.flatMap((task) => (task === null ? [] : [[keyOf(task), task]])));
    const ahead = this.#ahead.filter((task) => inFile.has(keyOf(task)));
    const copies = new WrittenCopies();
    const written = { note: (task: Task) => copies.note(task, inFile.get(keyOf(task))) };
    for (const batch of batches([...inFile.values(), ...ahead], BATCH)) {
      const outcomes = await this.#ask((mirror) => writeToMirror(mirror, batch, { written }));
      batch.forEach((task, i) => {
        const outcome = outcomes?.[i] ?? this.lost;
        if (outcome instanceof TtsctlError) this.#notWrittenBack.add(task, `${outcome.message}; ${RUN_SYNC}`);
      });
    }
    await this.#ask((mirror) => copies.follow(mirror, file));
  }

  #ask<T>(work: (mirror: Writable<Mirror>) => Promise<T>): Promise<T | undefined> {
    return this.use.ask(work).catch((error) => {
      if (!isRedisError(error)) throw error;
      this.use.lose(error);
      return undefined;
    });
  }

  async end(): Promise<TtsctlError | null> {
    const users = [...this.#users].flatMap(([userId, isComplete]) => (isComplete ? [userId] : []));
    if (users.length > 0) await this.#ask((mirror) => mirror.recount(users).catch(unlessRefused));
    this.#notWrittenBack.end();
    const { count } = this.#notWrittenBack;
    if (this.lost !== null || count === 0) return this.lost;
    const what = `${counted(count, "kept task")} could not be restored in Redis`;
    return new TtsctlError("REDIS_FAILED", what, { hint: RUN_SYNC });
  }
}

/** Lists do without new counts: until the next sync they compare Redis with the file. */
function unlessRefused(error: unknown): undefined {
  if (!(error instanceof ServerError)) throw error;
}
