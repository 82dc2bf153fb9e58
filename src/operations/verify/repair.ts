import { TtsctlError } from "../../errors.ts";
import { batches } from "../../store/batches.ts";
import type { CurrentFile } from "../../store/file/current-file.ts";
import type { FileStore } from "../../store/file/file-store.ts";
import { recordsOf } from "../../store/file/records-of.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { BATCH, type Outcome } from "../../store/redis/copies.ts";
import { isFatal } from "../../store/redis/errors.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import { recordOf } from "../../store/redis/records.ts";
import { type WriteOutcome, writeToMirror } from "../../store/redis/write.ts";
import type { TaskId } from "../../store/task-source.ts";
import { WrittenCopies } from "../../store/written-copies.ts";
import { counted } from "../../task/amounts.ts";
import { keyOf } from "../../task/ids.ts";
import type { RecordRules } from "../../task/rules.ts";
import type { Task } from "../../task/task.ts";
import type { Ledger, LedgerEntry } from "../ledger.ts";
import { mergeRecords } from "../merge/merge.ts";
import { Spool } from "../merge/spool.ts";
import { IN_FLIGHT, pool, throwIfInterrupted } from "../pool.ts";
import { type Orphans, pruneOrphans } from "../prune.ts";
import { NamedWarnings, type Reporter } from "../reporter.ts";
import { EVERYTHING } from "../select.ts";
import type { Drift } from "./drift.ts";
import type { Action } from "./plan.ts";
import type { RepairPlan } from "./repair-plan.ts";
import { LOOK_BATCH } from "./second-look.ts";
import { writeOver } from "./write-over.ts";

export interface RepairParts {
  readonly file: FileStore;
  readonly mirror: Mirror;
  readonly rules: RecordRules;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
  readonly ledger: Ledger | null;
}

/**
 * Carries a plan out: records that Redis has go into the file first, in one rewrite; then the mirror gets what the file
 * has; last goes what neither should have. Every step holds only if the copy still is as it was seen.
 */
export class Repair {
  readonly #parts: RepairParts;
  readonly #drift: Drift;
  readonly #plan: RepairPlan;
  readonly #failures: NamedWarnings;
  readonly #written = new WrittenCopies();
  /** Tasks whose record of Redis went into the file. */
  #intoFileCount = 0;
  /** Tasks that were mended. */
  mended = 0;
  /** Tasks whose record could not be written to the mirror. */
  unwritten = 0;

  constructor(parts: RepairParts, drift: Drift, plan: RepairPlan) {
    this.#parts = parts;
    this.#drift = drift;
    this.#plan = plan;
    this.#failures = new NamedWarnings(parts.reporter, "was not repaired");
  }

  /** @throws TtsctlError STORE_*, REDIS_*, SPOOL_FAILED, AUDIT_FAILED, INTERRUPTED */
  async run(file: CurrentFile): Promise<void> {
    try {
      await this.#steps(file);
    } catch (error) {
      throw this.#withFileChange(error);
    }
  }

  async #steps(file: CurrentFile): Promise<void> {
    await this.#intoFile("bringBack");
    await this.#intoFile("restore");
    await this.#intoMirror(await file.snapshot());
    await this.#written.follow(this.#parts.mirror, file);
    for (const { userId, taskId } of this.#ids(this.#plan.notTakeable())) {
      this.#failures.add(userId, taskId, "the store file cannot take its copy in Redis: it is not a valid record");
    }
    this.#failures.end();
    await this.#removeDangling();
    await this.#removeStrays();
    await this.#prune();
  }

  /** What stops a repair says that the file was changed by then. */
  #withFileChange(error: unknown): unknown {
    if (!(error instanceof TtsctlError) || this.#intoFileCount === 0) return error;
    const tasks = counted(this.#intoFileCount, "task");
    return new TtsctlError(error.code, `${error.message}; ${tasks} of Redis went into the store file before that`, {
      hint: "once that is mended, run it again to finish",
      cause: error,
    });
  }

  /** Redis's records, through a file on the disk: a million of them may have to go back. */
  async #intoFile(action: "bringBack" | "restore"): Promise<void> {
    if (this.#plan.count(action) === 0) return;
    const spool = await Spool.open(this.#parts.file.path);
    try {
      for (const batch of batches(this.#plan.of(action), LOOK_BATCH)) {
        if (this.#parts.signal.aborted) break;
        await this.#spoolBatch(spool, batch);
      }
      this.#throwIfInterrupted();
      const source = await spool.read(this.#parts.rules);
      // A record that is brought back replaces the file's; where that is gone by now, the task was deleted.
      const policy = action === "restore" ? "newer" : "update";
      const { file, reporter, signal } = this.#parts;
      const parts = { file, reporter, signal, mirror: { kind: "off" } as const, ledger: null }; // it was announced
      const options = { policy, dryRun: false, selection: EVERYTHING } as const;
      const { added, replaced } = await mergeRecords(parts, source, options);
      this.#intoFileCount += added + replaced;
    } finally {
      await spool.close();
    }
  }

  async #spoolBatch(spool: Spool, batch: readonly number[]): Promise<void> {
    const { mirror } = this.#parts;
    const ids = batch.map((suspect) => this.#drift.suspects.id(suspect));
    await this.#announce(batch);
    for (const [i, copy] of (await mirror.fullCopies(ids)).entries()) {
      const record = recordOf(copy, ids[i]!, mirror);
      if (record !== null) await spool.add(record.json);
    }
  }

  /** The file's records, those that were just put into it included: their copies become what a sync writes. */
  async #intoMirror(snapshot: Snapshot): Promise<void> {
    const due = this.#plan.of("write", "overwrite", "bringBack", "restore");
    await pool(batches(due, BATCH), IN_FLIGHT, (batch) => this.#writeBatch(snapshot, batch), this.#parts.signal);
    this.#throwIfInterrupted();
  }

  async #writeBatch(snapshot: Snapshot, batch: readonly number[]): Promise<void> {
    const { mirror } = this.#parts;
    const { suspects } = this.#drift;
    const records = await recordsOf(
      snapshot,
      batch.map((suspect) => suspects.id(suspect)),
    );
    await this.#announce(batch.filter((suspect) => this.#is(suspect, "write", "overwrite")));
    const group = (belongs: (suspect: number) => boolean) =>
      records.filter((task, i) => task !== null && belongs(batch[i]!)) as Task[];
    const written = this.#written;
    await this.#count(
      group((suspect) => this.#is(suspect, "write")),
      (tasks) => writeToMirror(mirror, tasks, { written }),
    );
    await this.#count(
      group((suspect) => !this.#is(suspect, "write")),
      (tasks) => writeOver(mirror, tasks, written),
    );
    const gone = batch.filter((_, i) => records[i] === null).map((suspect) => suspects.id(suspect));
    for (const { userId, taskId } of gone) this.#failures.add(userId, taskId, "the file does not have it");
    await this.#parts.ledger?.stayed(gone);
    this.#parts.reporter.progress("repairing", this.mended, this.#plan.size);
  }

  async #count(tasks: readonly Task[], write: (tasks: readonly Task[]) => Promise<Outcome<WriteOutcome>[]>) {
    const stayed: TaskId[] = [];
    const outcomes = await write(tasks);
    for (const [i, task] of tasks.entries()) {
      const outcome = outcomes[i]!;
      if (outcome === "written" || outcome === "mended" || outcome === "unchanged") this.mended++;
      else {
        stayed.push(task);
        if (outcome !== "newer") this.unwritten++;
        this.#failures.add(
          task.userId,
          task.taskId,
          outcome === "newer" ? "Redis has a newer record" : outcome.message,
        );
      }
    }
    await this.#parts.ledger?.stayed(stayed);
    const fatal = outcomes.find((outcome) => outcome instanceof TtsctlError && isFatal(outcome));
    if (fatal !== undefined) throw fatal;
  }

  /** Members that name no task. */
  async #removeDangling(): Promise<void> {
    this.mended += await this.#remove("removeMember", { action: "repair", reason: "dangling", membersOnly: true });
  }

  async #prune(): Promise<void> {
    this.mended += await this.#remove("prune", { action: "prune", reason: "orphan" });
  }

  async #remove(action: Action, how: Omit<Orphans, "ids" | "count">): Promise<number> {
    const ids = this.#ids(this.#plan.of(action));
    const { pruned } = await pruneOrphans(this.#parts, { ids, count: this.#plan.count(action), ...how });
    this.#throwIfInterrupted();
    return pruned;
  }

  /** Members in the index of another user than the task's. */
  async #removeStrays(): Promise<void> {
    if (!this.#plan.removesMembers) return;
    const { suspects, strays, counts } = this.#drift;
    const misplaced = new Set<string>();
    const onStayed = ({ userId, taskId }: TaskId) => {
      const owner = strays.ownerOf(suspects.keys.find(userId, taskId));
      if (!this.#drift.isDrifting(owner)) misplaced.add(keyOf(owner));
    };
    const how = { action: "repair", reason: "misplaced", membersOnly: true, onStayed } as const;
    await pruneOrphans(this.#parts, { ids: this.#ids(strays.members()), count: counts.misplaced, ...how });
    this.#throwIfInterrupted();
    this.mended += counts.misplaced - misplaced.size;
  }

  *#ids(suspects: Iterable<number>): Generator<TaskId> {
    for (const suspect of suspects) yield this.#drift.suspects.id(suspect);
  }

  #is(suspect: number, ...actions: readonly Action[]): boolean {
    return actions.includes(this.#plan.action(suspect));
  }

  async #announce(batch: readonly number[]): Promise<void> {
    const { suspects } = this.#drift;
    const entries = batch.map(
      (suspect): LedgerEntry => ({ ...suspects.id(suspect), reason: suspects.finding(suspect) }),
    );
    await this.#parts.ledger?.announce("repair", entries);
  }

  #throwIfInterrupted(): void {
    throwIfInterrupted(this.#parts.signal, `${this.mended} of ${this.#plan.size} tasks were repaired`);
  }
}
