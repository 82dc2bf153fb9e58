import type { Clock } from "../../clock.ts";
import { isRedisError, isStoreError, TtsctlError, throwIfInterrupted } from "../../errors.ts";
import { batches, fillIn } from "../../pool.ts";
import { STATUS_CODES } from "../../store/file/rows.ts";
import type { CurrentFile } from "../../store/file/shared-snapshot.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { guardOf, type RedisCopy, stateOf } from "../../store/layout/copy.ts";
import { MirrorUse } from "../../store/mirror-link.ts";
import { BATCH, type Outcome } from "../../store/redis/copies.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import { writeToMirror } from "../../store/redis/write.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { WrittenCopies } from "../../store/written-copies.ts";
import { keyOf } from "../../task/ids.ts";
import { shownStatus } from "../../task/status.ts";
import type { Task } from "../../task/task.ts";
import { toMicros } from "../../task/time.ts";
import { checkBrake, type MaxDelete, type PlanSummary } from "../brake.ts";
import { putIntoFile, thenIntoMirror } from "../merge/merge.ts";
import type { Parts } from "../parts.ts";
import { mirrorCopy } from "../purge/copies.ts";
import { type MarkedTask, NamedWarnings, RETURNED } from "../reporter.ts";
import { checkClock, checkFileLayout, checkReading, checkSameStore, emptyBeside } from "../safety.ts";
import { type Selection, select } from "../select.ts";
import { type MarkPlan, markerOf, planMarks } from "./plan.ts";

export interface MarkOptions {
  /** The service's word that is written. */
  readonly status: string;
  /** The same as shown. */
  readonly shown: string;
  /** Undefined keeps the record's own. */
  readonly error: string | null | undefined;
  readonly dryRun: boolean;
  readonly maxMark: MaxDelete;
  readonly allowEmpty: boolean;
}

/** `mark -o json`: requested = marked + unchanged + missing + refused + failed + returned. */
export interface MarkResult {
  requested: number;
  marked: number;
  /** Tasks that had the status already; their older copies in Redis are overwritten. */
  unchanged: number;
  missing: string[];
  refused: { user_id: string; task_id: string; reason: string }[];
  failed: number;
  returned: number;
  dryRun: boolean;
}

export interface MarkParts extends Parts<"file" | "mirror" | "rules" | "clock" | "reporter" | "signal" | "ledger"> {
  /** Asks before anything is marked; throws if the answer is no. */
  confirm(plan: PlanSummary): Promise<void>;
}

/**
 * Sets the status of chosen tasks: in the file, in one rewrite, then in Redis. Tasks that the service changes during the run
 * are left as they are. The caller holds the run lock, unless it is a dry run.
 * @throws TtsctlError STORE_*, LAYOUT_MISMATCH, TIMEZONE_MISMATCH, CLOCK_SKEW, MAX_DELETE_EXCEEDED before the first mark
 */
export async function markTasks(
  parts: MarkParts,
  selection: Selection,
  options: MarkOptions,
): Promise<{ result: MarkResult; problem: TtsctlError | null }> {
  const marker = markerOf(options, parts.clock.now(), parts.rules);
  const use = new MirrorUse(parts.mirror);
  await use.attempt(async (mirror) => mirror && checkClocks(mirror, parts.clock, selection));
  await using snapshot = await parts.file.read();
  const rule = { filter: selection.filter, shown: options.shown, always: typeof options.error === "string" };
  const { found, plan } = await use.attempt(async (mirror) => {
    const found = await select(snapshot, mirror, selection);
    const refusal = emptyBeside(snapshot, found.members, options.allowEmpty, "marked");
    if (refusal !== null) throw refusal;
    if (mirror !== null) {
      await checkFileLayout(snapshot, mirror);
      await checkSameStore(snapshot, mirror);
    }
    return { found, plan: await planMarks({ base: snapshot, mirror, marker, rule }, found) };
  });
  const run = new MarkRun(parts, options, plan);
  if (selection.ids !== null) run.result.missing = plan.gone.map(({ taskId }) => taskId);
  if (options.dryRun) await run.showPlan();
  else await run.apply(use.mirror, Math.max(snapshot.size, found.members));
  return { result: run.end(), problem: use.lost ?? run.problem };
}

/** Marked tasks get this machine's time, which then decides which copy is newer. */
async function checkClocks(mirror: Mirror, clock: Clock, { age }: Selection): Promise<void> {
  await checkReading(mirror);
  await checkClock(mirror, clock, age ?? Number.POSITIVE_INFINITY);
}

const CHANGED = "its copy in Redis changed meanwhile and stays; the file has the mark";
const CHANGED_SINCE = "the service changed it in the file after it was marked";
const LOST = "Redis was lost, so whether it is marked there is unknown";

class MarkRun {
  readonly #parts: MarkParts;
  readonly #options: MarkOptions;
  readonly #plan: MarkPlan;
  readonly #refusals: NamedWarnings;
  readonly #failures: NamedWarnings;
  /** How many tasks were written to Redis, or failed there: first those of the file, then Redis-only ones. */
  #done = 0;
  readonly result: MarkResult;
  /** Why Redis may lack marks: it failed, or the file could not be read again. */
  problem: TtsctlError | null = null;

  constructor(parts: MarkParts, options: MarkOptions, plan: MarkPlan) {
    this.#parts = parts;
    this.#options = options;
    this.#plan = plan;
    this.#refusals = new NamedWarnings(parts.reporter, "stays as it is");
    this.#failures = new NamedWarnings(parts.reporter, "was not marked in both stores");
    const { unchanged } = plan;
    const { dryRun } = options;
    this.result = { requested: 0, marked: 0, unchanged, missing: [], refused: [], failed: 0, returned: 0, dryRun };
    for (const [id, reason] of plan.refused) this.#refuse(id, reason);
    for (const [id, reason] of plan.failed) this.#fail(id, reason);
  }

  async showPlan(): Promise<void> {
    const { decided } = this.#plan;
    await this.#report(decided.keys.ids(), (id) => decided.status(id) !== undefined);
  }

  /**
   * @param mirror null: only the file is marked
   * @param of how many tasks a percentage of the brake is of
   */
  async apply(mirror: Mirror | null, of: number): Promise<void> {
    const { summary, inFile, onlyInRedis } = this.#plan;
    checkBrake(summary.count, of, this.#options.maxMark, { done: "marked", flag: "--max-mark" });
    if (summary.count > 0) {
      await this.#parts.confirm(summary);
      throwIfInterrupted(this.#parts.signal, "nothing was marked");
    }
    const marked = inFile.rows.length === 0 ? [] : await this.#markInFile();
    if (mirror !== null) {
      const work = (file: CurrentFile, written: WrittenCopies) => this.#writeAll(mirror, file, written, marked);
      this.problem = await thenIntoMirror({ file: this.#parts.file, mirror }, work);
    }
    const nothingDone = inFile.rows.length === 0 && this.result.marked === 0;
    if (isStoreError(this.problem) && nothingDone && onlyInRedis.size > 0) throw this.problem;
    const isLost = isRedisError(this.problem);
    await this.#report(this.#ids(marked.slice(this.#done)), () => (isLost ? "unknown" : false));
    if (this.problem === null) return;
    const left = [...onlyInRedis.ids()].slice(Math.max(0, this.#done - marked.length));
    for (const id of left) this.#fail(id, isLost ? LOST : this.problem.message);
  }

  end(): MarkResult {
    this.#refusals.end();
    this.#failures.end();
    this.result.failed = this.#failures.count;
    const { marked, unchanged, missing, refused, failed, returned } = this.result;
    this.result.requested = marked + unchanged + missing.length + refused.length + failed + returned;
    return this.result;
  }

  /** Returns the rows that are marked. */
  async #markInFile(): Promise<number[]> {
    const { inFile } = this.#plan;
    const how = { action: "mark", reason: (row: number) => this.#reasonFor(inFile.id(row)) } as const;
    const returned = await putIntoFile(this.#parts, this.#plan.base, inFile, how);
    const back = new Set(returned.map(keyOf));
    const named = new NamedWarnings(this.#parts.reporter, "was returned");
    const marked: number[] = [];
    for (const row of inFile.rows) {
      const id = inFile.id(row);
      if (!inFile.goesIn(row)) this.#refuse(id, "the service changed it while it was marked");
      else if (back.size > 0 && back.has(keyOf(id))) named.add(id.userId, id.taskId, RETURNED);
      else marked.push(row);
    }
    named.end();
    this.result.returned = named.count;
    return marked;
  }

  /** Writes the marks of the file, marks Redis-only tasks, and repairs what an earlier mark left undone. */
  async #writeAll(mirror: Mirror, file: CurrentFile, written: WrittenCopies, marked: readonly number[]): Promise<void> {
    const { onlyInRedis, behind } = this.#plan;
    const { signal, reporter } = this.#parts;
    const each = async <T>(items: Iterable<T>, work: (batch: T[], current: Snapshot) => Promise<void>) => {
      for (const batch of batches(items, BATCH)) {
        if (signal.aborted) return;
        await work(batch, await file.snapshot());
        this.#done += batch.length;
        reporter.progress("marking", this.#done, marked.length + onlyInRedis.size + behind.length);
      }
    };
    await each(marked, (rows, current) => this.#writeMarked(mirror, current, rows, written));
    await each(onlyInRedis.ids(), (ids, current) => this.#markOnlyInRedis(mirror, current, ids));
    await each(behind, (rows) => this.#bringInStep(mirror, rows, written));
  }

  async #writeMarked(
    mirror: Mirror,
    current: Snapshot,
    rows: readonly number[],
    written: WrittenCopies,
  ): Promise<void> {
    const ids = [...this.#ids(rows)];
    const copies = await mirror.copies(ids, "state");
    const records = await current.recordsOf(ids);
    const { shown } = this.#options;
    const due = records.map((record, i) => {
      if (record === null || record.score <= this.#plan.base.rows.score(rows[i]!)) return CHANGED_SINCE;
      return shownStatus(record.status) === shown ? record : CHANGED_SINCE;
    });
    const outcomes = await this.#overwrite(mirror, copies, due, ids);
    await this.#settle(ids, outcomes);
    for (const outcome of outcomes) if (typeof outcome === "object") written.note(outcome);
  }

  /** Tasks that the file has by now are left to the service. */
  async #markOnlyInRedis(mirror: Mirror, current: Snapshot, batch: readonly TaskId[]): Promise<void> {
    const { ledger } = this.#parts;
    const ids = batch.filter((id) => !current.holds(id));
    await ledger?.announce(
      "mark",
      ids.map((id) => ({ ...id, reason: this.#reasonFor(id) })),
    );
    let outcomes: (Task | string)[] = ids.map(() => LOST);
    try {
      const copies = await mirror.copies(ids, "state");
      const read = await mirror.read(ids);
      const records = read.map((record, i) => this.#markedCopy(record, copies[i]!, mirror));
      outcomes = await this.#overwrite(mirror, copies, records, ids);
    } finally {
      await ledger?.stayed(ids.filter((_, i) => typeof outcomes[i] === "string"));
    }
    for (const id of batch) if (current.holds(id)) this.#refuse(id, "the file has a record of it now");
    await this.#settle(ids, outcomes);
  }

  /** The marked record of a hash, or why there is none. If its state differs from the copy's, it was written between two reads. */
  #markedCopy(record: Outcome<Task | undefined>, copy: Outcome<RedisCopy>, mirror: Mirror): Task | string {
    if (record === undefined) return "Redis has no record of it any more";
    if (record instanceof TtsctlError) return record.message;
    if (copy instanceof TtsctlError) return copy.message;
    const { status, time } = stateOf(copy, mirror);
    if (record.status !== status || toMicros(record.score) !== toMicros(time)) return CHANGED;
    return this.#plan.marker(record);
  }

  /** Writes records over the copies that were decided on. Returns the written record, or why it was not written. */
  async #overwrite(
    mirror: Mirror,
    copies: readonly Outcome<RedisCopy>[],
    records: readonly (Task | string)[],
    ids: readonly TaskId[],
  ): Promise<(Task | string)[]> {
    const refusal = (record: Task | string, i: number): string | undefined => {
      const copy = copies[i]!;
      if (copy instanceof TtsctlError) return copy.message;
      if (typeof record === "string") return record;
      return this.#plan.decided.isStill(ids[i]!, mirrorCopy(copy, mirror)) ? undefined : CHANGED;
    };
    return fillIn<Task | string, Task | string>(records, refusal, async (due) => {
      const tasks = due as Task[];
      const upserts = tasks.map((task) => {
        const copy = copies[records.indexOf(task)] as RedisCopy;
        const guard = { task, seen: guardOf(copy, mirror).seen };
        return copy.type === "hash" ? { ...guard, seenStatus: copy.fields.status ?? "" } : guard;
      });
      const flags = await mirror.upsert(upserts);
      return tasks.map((task, i) => {
        const flag = flags[i]!;
        return flag instanceof TtsctlError ? flag.message : flag ? task : CHANGED;
      });
    });
  }

  /** An earlier mark may have been stopped between the file and Redis. @throws TtsctlError one that concerns every task */
  async #bringInStep(mirror: Mirror, rows: readonly number[], written: WrittenCopies): Promise<void> {
    const tasks = await this.#plan.base.readTasks(rows);
    const before = this.#failures.count;
    const outcomes = await writeToMirror(mirror, tasks, { written });
    try {
      this.#failures.addErrors(outcomes, (i) => tasks[i]!);
    } finally {
      this.result.unchanged -= this.#failures.count - before;
    }
  }

  async #settle(ids: readonly TaskId[], outcomes: readonly (Task | string)[]): Promise<void> {
    const marked = ids.filter((id, i) => {
      const outcome = outcomes[i]!;
      if (typeof outcome === "string") this.#fail(id, outcome);
      return typeof outcome === "object";
    });
    await this.#report(marked, () => true);
  }

  async #report(ids: Iterable<TaskId>, redis: (id: TaskId) => MarkedTask["redis"]): Promise<void> {
    const { dryRun, shown: to } = this.#options;
    for (const batch of batches(ids, BATCH)) {
      const tasks = batch.map((id) => {
        return { ...id, from: this.#statusOf(id), to, local: this.#rowOf(id) >= 0, redis: redis(id) };
      });
      this.result.marked += tasks.length;
      await this.#parts.reporter.done("mark", tasks, dryRun);
    }
  }

  *#ids(rows: Iterable<number>): Generator<TaskId> {
    for (const row of rows) yield this.#plan.inFile.id(row);
  }

  #rowOf({ userId, taskId }: TaskId): number {
    return this.#plan.base.rowOf(userId, taskId);
  }

  /** The status before the mark. */
  #statusOf(id: TaskId): string {
    const row = this.#rowOf(id);
    return row < 0 ? this.#plan.decided.status(id)! : STATUS_CODES[this.#plan.base.rows.status(row)]!;
  }

  #reasonFor(id: TaskId): string {
    return `${this.#statusOf(id)} to ${this.#options.shown}`;
  }

  #refuse({ userId, taskId }: TaskId, reason: string): void {
    this.result.refused.push({ user_id: userId, task_id: taskId, reason });
    this.#refusals.add(userId, taskId, reason);
  }

  #fail({ userId, taskId }: TaskId, reason: string): void {
    this.#failures.add(userId, taskId, reason);
  }
}
