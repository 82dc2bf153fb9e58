import { isRedisError, isStoreError, type TtsctlError, throwIfInterrupted } from "../../errors.ts";
import { batches } from "../../store/batches.ts";
import { CurrentFile } from "../../store/file/current-file.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { BATCH } from "../../store/redis/copies.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import type { TaskId } from "../../store/task-source.ts";
import { WrittenCopies } from "../../store/written-copies.ts";
import { keyOf } from "../../task/ids.ts";
import type { Task } from "../../task/task.ts";
import { checkBrake } from "../brake.ts";
import { NamedWarnings, RETURNED } from "../reporter.ts";
import { bringInStep } from "./in-step.ts";
import { markInFile, readMarked } from "./mark-file.ts";
import { type MirrorMark, markInMirror, markOnlyInRedis } from "./mark-mirror.ts";
import type { Marker } from "./marker.ts";
import type { MarkPlan } from "./plan.ts";
import type { MarkedTask, MarkOptions, MarkParts, MarkResult } from "./types.ts";

/** One marking under way, and its result so far. */
export class MarkRun {
  readonly #parts: MarkParts;
  readonly #options: MarkOptions;
  readonly #plan: MarkPlan;
  readonly #marker: Marker;
  readonly #refusals: NamedWarnings;
  readonly #failures: NamedWarnings;
  readonly #mirror: Mirror | null;
  readonly #written = new WrittenCopies();
  readonly result: MarkResult;
  /** Why Redis may lack what the file has: it was lost, or the file could not be read again to write it there. */
  problem: TtsctlError | null = null;

  constructor(
    parts: MarkParts,
    options: MarkOptions,
    { plan, marker, mirror }: { plan: MarkPlan; marker: Marker; mirror: Mirror | null },
  ) {
    this.#parts = parts;
    this.#options = options;
    this.#plan = plan;
    this.#marker = marker;
    this.#mirror = mirror;
    this.#refusals = new NamedWarnings(parts.reporter, "stays as it is");
    this.#failures = new NamedWarnings(parts.reporter, "was not marked in both stores");
    this.result = {
      ...{ requested: 0, marked: 0, unchanged: plan.unchanged, missing: [], refused: [], failed: 0, returned: 0 },
      dryRun: options.dryRun,
    };
    for (const { id, reason } of plan.refused) this.#refuse(id, reason);
    for (const { id, reason } of plan.failed) this.#fail(id, reason);
  }

  async tellPlan(): Promise<void> {
    const { marks, onlyInRedis } = this.#plan;
    await this.#tellEntries(numbers(0, marks.size), (entry) => marks.isInMirror(entry));
    for (const batch of batches(numbers(0, onlyInRedis.size), BATCH)) {
      for (const entry of batch) this.#tellRedisEntry(entry);
      await this.#parts.drain();
    }
  }

  /** @param of how many tasks a percentage of the brake is of */
  async apply(of: number): Promise<void> {
    const { summary } = this.#plan;
    checkBrake(summary.count, of, this.#options.maxMark, { done: "marked", flag: "--max-mark" });
    if (summary.count > 0) await this.#applyMarks();
    await this.#bringInStep();
    await this.#followFile();
  }

  async #applyMarks(): Promise<void> {
    const { summary, marks, onlyInRedis } = this.#plan;
    await this.#parts.confirm(summary);
    throwIfInterrupted(this.#parts.signal, "nothing was marked");
    if (marks.size > 0) {
      await this.#announce(numbers(0, marks.size), (entry) => ({ id: marks.id(entry), from: marks.from(entry) }));
      await this.#applyToFile();
    }
    if (onlyInRedis.size > 0) await this.#applyToRedisAlone();
  }

  async #announce<T>(tasks: Iterable<T>, tell: (task: T) => { id: TaskId; from: string }): Promise<void> {
    const { ledger } = this.#parts;
    if (ledger === null) return;
    for (const batch of batches(tasks, BATCH)) {
      const entries = batch.map((task) => {
        const { id, from } = tell(task);
        return { ...id, reason: `${from} to ${this.#options.shown}` };
      });
      await ledger.announce("mark", entries);
    }
  }

  end(): MarkResult {
    this.#refusals.end();
    this.#failures.end();
    const { marked, unchanged, missing, refused, failed, returned } = this.result;
    this.result.requested = marked + unchanged + missing.length + refused.length + failed + returned;
    return this.result;
  }

  async #applyToFile(): Promise<void> {
    const { marks } = this.#plan;
    const { changed, moved, returned } = await markInFile(this.#parts.file, marks, this.#marker);
    const back = new Set(returned.map(keyOf));
    const named = new NamedWarnings(this.#parts.reporter, "was returned");
    const isBack = (entry: number) => back.size > 0 && back.has(keyOf(marks.id(entry)));
    const marked: number[] = [];
    await this.#parts.ledger?.stayed([...changed].map((entry) => marks.id(entry)));
    await this.#parts.ledger?.returned(returned);
    for (let entry = 0; entry < marks.size; entry++) {
      const id = marks.id(entry);
      if (changed.has(entry)) this.#refuse(id, "the service changed it while it was marked");
      else if (isBack(entry)) named.add(id.userId, id.taskId, RETURNED);
      else marked.push(entry);
    }
    named.end();
    this.result.returned = named.count;
    await this.#applyToMirror(marked, moved);
  }

  /** @param moved the records in the file may hold more than those that were decided on, and are read again */
  async #applyToMirror(entries: readonly number[], moved: boolean): Promise<void> {
    const { marks } = this.#plan;
    let told = 0;
    const onMarked = async (batch: readonly number[], outcomes: readonly MirrorMark[]) => {
      batch.forEach((entry, i) => {
        const outcome = outcomes[i]!;
        if (outcome === true) this.#tellEntry(entry, true);
        else this.#fail(marks.id(entry), outcome);
      });
      told += batch.length;
      this.#parts.reporter.progress("marking", told, entries.length);
      await this.#parts.drain();
    };
    await this.#attempt(async (mirror) => {
      const current = moved ? await this.#parts.file.read() : null;
      const written = { written: this.#written, signal: this.#parts.signal };
      const records = (batch: readonly number[]) =>
        current === null ? this.#markedRecords(batch) : readMarked(current, marks, batch);
      try {
        await markInMirror(mirror, { ...written, marks, records }, entries, onMarked);
      } finally {
        await current?.close();
      }
    });
    const rest = isRedisError(this.problem) ? "unknown" : false;
    await this.#tellEntries(entries.slice(told), () => rest);
  }

  async #markedRecords(entries: readonly number[]): Promise<(Task | string)[]> {
    const { marks } = this.#plan;
    const records = await marks.base.readTasks(entries.map((entry) => marks.row(entry)));
    return records.map((record) => this.#marker.mark(record));
  }

  /** The file is looked at before each batch: what it has by now is not for Redis alone. */
  async #applyToRedisAlone(): Promise<void> {
    const { onlyInRedis } = this.#plan;
    const file = new CurrentFile(this.#parts.file);
    try {
      for (const batch of batches(numbers(0, onlyInRedis.size), BATCH)) {
        if (this.#parts.signal.aborted) return;
        const current = await this.#readAgain(file);
        if (current !== null) await this.#markBatchOfRedis(batch, current);
        else for (const entry of batch) this.#fail(onlyInRedis.id(entry), this.problem!.message);
      }
    } finally {
      await file.close();
    }
  }

  async #markBatchOfRedis(batch: readonly number[], current: Snapshot): Promise<void> {
    const { onlyInRedis } = this.#plan;
    const due: number[] = [];
    for (const entry of batch) {
      if (current.holds(onlyInRedis.id(entry))) this.#refuse(onlyInRedis.id(entry), "the file has a record of it now");
      else due.push(entry);
    }
    await this.#announce(due, (entry) => ({ id: onlyInRedis.id(entry), from: onlyInRedis.from(entry) }));
    await this.#markOnlyInRedis(due);
  }

  /** Null where that fails after something was marked: from then on Redis is left as it is. */
  async #readAgain(file: CurrentFile): Promise<Snapshot | null> {
    if (isStoreError(this.problem)) return null;
    try {
      return await file.snapshot();
    } catch (error) {
      if ((this.#plan.marks.size === 0 && this.result.marked === 0) || !isStoreError(error)) throw error;
      this.problem ??= error;
      return null;
    }
  }

  async #markOnlyInRedis(entries: readonly number[]): Promise<void> {
    const { onlyInRedis } = this.#plan;
    const parts = { tasks: onlyInRedis, marker: this.#marker };
    const outcomes = await this.#attempt((mirror) => markOnlyInRedis(mirror, parts, entries));
    const stayed: TaskId[] = [];
    entries.forEach((entry, i) => {
      const outcome = outcomes?.[i] ?? "Redis was lost, so whether it is marked there is unknown";
      if (outcome === true) this.#tellRedisEntry(entry);
      else {
        stayed.push(onlyInRedis.id(entry));
        this.#fail(onlyInRedis.id(entry), outcome);
      }
    });
    await this.#parts.ledger?.stayed(stayed);
    await this.#parts.drain();
  }

  async #bringInStep(): Promise<void> {
    const parts = {
      ...{ snapshot: this.#plan.marks.base, rows: this.#plan.behind },
      ...{ written: this.#written, signal: this.#parts.signal },
    };
    const onFailed = (id: TaskId, reason: string) => {
      this.result.unchanged--;
      this.#fail(id, reason);
    };
    await this.#attempt((mirror) => bringInStep(mirror, parts, onFailed));
  }

  async #followFile(): Promise<void> {
    if (this.#written.size === 0) return;
    const file = new CurrentFile(this.#parts.file);
    try {
      await this.#attempt((mirror) => this.#written.follow(mirror, file));
    } finally {
      await file.close();
    }
  }

  /** Undefined where there is no mirror, or it cannot be written any more: by now the file has what it should. */
  async #attempt<T>(work: (mirror: Mirror) => Promise<T>): Promise<T | undefined> {
    if (this.#mirror === null || this.problem !== null) return undefined;
    try {
      return await work(this.#mirror);
    } catch (error) {
      if (!isRedisError(error) && !isStoreError(error)) throw error;
      this.problem = error;
      return undefined;
    }
  }

  async #tellEntries(entries: Iterable<number>, redis: (entry: number) => MarkedTask["redis"]): Promise<void> {
    for (const batch of batches(entries, BATCH)) {
      for (const entry of batch) this.#tellEntry(entry, redis(entry));
      await this.#parts.drain();
    }
  }

  #tellEntry(entry: number, redis: MarkedTask["redis"]): void {
    const { marks } = this.#plan;
    this.#tell({ ...marks.id(entry), from: marks.from(entry), local: true, redis });
  }

  #tellRedisEntry(entry: number): void {
    const { onlyInRedis } = this.#plan;
    this.#tell({ ...onlyInRedis.id(entry), from: onlyInRedis.from(entry), local: false, redis: true });
  }

  #tell(task: MarkedTask): void {
    this.result.marked++;
    this.#parts.onMarked(task);
  }

  #refuse({ userId, taskId }: TaskId, reason: string): void {
    this.result.refused.push({ user_id: userId, task_id: taskId, reason });
    this.#refusals.add(userId, taskId, reason);
  }

  #fail({ userId, taskId }: TaskId, reason: string): void {
    this.result.failed++;
    this.#failures.add(userId, taskId, reason);
  }
}

function* numbers(from: number, end: number): Generator<number> {
  for (let number = from; number < end; number++) yield number;
}
