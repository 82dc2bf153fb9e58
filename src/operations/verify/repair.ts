import { TtsctlError, throwIfInterrupted } from "../../errors.ts";
import { pool } from "../../pool.ts";
import { batches, IN_FLIGHT } from "../../store/batches.ts";
import type { CurrentFile } from "../../store/file/shared-snapshot.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { guardOf, type RedisCopy } from "../../store/layout/copy.ts";
import { BATCH, type Outcome, type Upsert } from "../../store/redis/copies.ts";
import { isFatal } from "../../store/redis/errors.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import { recordOf } from "../../store/redis/records.ts";
import { type WriteOutcome, writeToMirror } from "../../store/redis/write.ts";
import type { TaskId } from "../../store/task-source.ts";
import { WrittenCopies } from "../../store/written-copies.ts";
import { counted } from "../../task/amounts.ts";
import { keyOf } from "../../task/ids.ts";
import type { Task } from "../../task/task.ts";
import type { LedgerEntry } from "../ledger.ts";
import { mergeRecords } from "../merge/merge.ts";
import { Spool } from "../merge/spool.ts";
import type { RedisParts } from "../parts.ts";
import { type Orphans, pruneOrphans } from "../prune.ts";
import { NamedWarnings } from "../reporter.ts";
import { EVERYTHING } from "../select.ts";
import { classify, KINDS } from "./classify.ts";
import type { Drift } from "./drift.ts";
import { type Action, planRepair, type RepairPolicy } from "./plan.ts";
import { LOOK_BATCH } from "./second-look.ts";

export type RepairParts = RedisParts<"file" | "rules" | "reporter" | "signal" | "ledger">;

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

  /** The error that stopped the repair, which says how far the store file was changed by then. */
  withFileChange(error: unknown): unknown {
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
    const records = await snapshot.recordsOf(batch.map((suspect) => suspects.id(suspect)));
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

const ACTIONS = [
  "keep",
  "write",
  "overwrite",
  "bringBack",
  "restore",
  "removeMember",
  "prune",
] as const satisfies Action[];

/** What is to be done about every suspect, a byte each. */
export class RepairPlan {
  readonly #actions: Uint8Array;
  readonly #drift: Drift;
  /** Whether members that name no task are removed. */
  readonly removesMembers: boolean;
  readonly #restores: boolean;

  constructor(drift: Drift, policy: RepairPolicy) {
    this.#drift = drift;
    this.removesMembers = policy.removeMembers;
    this.#restores = policy.restore;
    this.#actions = new Uint8Array(drift.suspects.size);
    for (const suspect of drift.suspectsOf(...KINDS)) {
      this.#actions[suspect] = ACTIONS.indexOf(planRepair(drift.suspects.traits(suspect), policy));
    }
  }

  action(suspect: number): Action {
    return ACTIONS[this.#actions[suspect]!]!;
  }

  *of(...actions: readonly Action[]): Generator<number> {
    for (let suspect = 0; suspect < this.#actions.length; suspect++) {
      if (actions.includes(this.action(suspect))) yield suspect;
    }
  }

  /** Those of which Redis has the better copy, but not as a record that the file can take. */
  *notTakeable(): Generator<number> {
    for (const suspect of this.of("keep")) {
      const { finding, isRecord } = this.#drift.suspects.traits(suspect);
      const isWanted = finding === "newerInRedis" || (finding === "onlyInRedis" && this.#restores);
      if (isWanted && !isRecord) yield suspect;
    }
  }

  count(...actions: readonly Action[]): number {
    let count = 0;
    for (const _ of this.of(...actions)) count++;
    return count;
  }

  /** How many tasks are mended where everything goes well. */
  get size(): number {
    const misplaced = this.removesMembers ? this.#drift.counts.misplaced : 0;
    return this.#actions.length - this.count("keep") + misplaced;
  }
}

/**
 * Writes the file's records over copies of the same time and over partial hashes. A partial hash isn't a record, so its
 * time doesn't count. The guard includes the status, because a service may write several states of a task within one
 * second. Copies that are neither by now get the ordinary guard.
 * @param tasks at most BATCH
 */
async function writeOver(
  mirror: Mirror,
  tasks: readonly Task[],
  written: WrittenCopies,
): Promise<Outcome<WriteOutcome>[]> {
  const copies = await mirror.fullCopies(tasks);
  const due = tasks.flatMap((task, i) => upsertOver(task, copies[i]!, mirror));
  const flags = await mirror.upsert(due);
  const outcomes = new Map(due.map(({ task }, i) => [task, flags[i]!]));
  for (const [task, flag] of outcomes) if (flag === true) written.note(task);
  const rest = tasks.filter((task) => (outcomes.get(task) ?? false) === false);
  const others = await writeToMirror(mirror, rest, { written });
  return tasks.map((task) => {
    const outcome = outcomes.get(task) ?? false;
    return outcome === true ? "written" : outcome === false ? others[rest.indexOf(task)]! : outcome;
  });
}

function upsertOver(task: Task, copy: RedisCopy, mirror: Mirror): Upsert[] {
  const finding = classify(task, copy, mirror);
  if (finding !== "partial" && finding !== "differs") return [];
  const guarded = { task, seen: guardOf(copy, mirror).seen };
  const { status = null } = copy.fields;
  if (finding === "partial") return [{ ...guarded, afresh: true }];
  return [status === null ? guarded : { ...guarded, seenStatus: status }];
}
