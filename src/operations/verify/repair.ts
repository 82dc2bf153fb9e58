import { TtsctlError, throwIfInterrupted } from "../../errors.ts";
import { batches, IN_FLIGHT, pool } from "../../pool.ts";
import type { CurrentFile } from "../../store/file/shared-snapshot.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { BATCH, type Outcome } from "../../store/redis/copies.ts";
import { recordOf } from "../../store/redis/records.ts";
import { type WriteOutcome, writeToMirror } from "../../store/redis/write.ts";
import type { TaskId } from "../../store/task-source.ts";
import { WrittenCopies } from "../../store/written-copies.ts";
import { counted } from "../../task/amounts.ts";
import { keyOf } from "../../task/ids.ts";
import type { Task } from "../../task/task.ts";
import { MergePlan, mergeIntoFile } from "../merge/merge.ts";
import { spooled } from "../merge/spool.ts";
import type { Parts } from "../parts.ts";
import type { bothOf } from "../preflight.ts";
import { type Orphans, pruneOrphans } from "../prune.ts";
import { NamedWarnings, RETURNED } from "../reporter.ts";
import { ACTIONS, type Action, KINDS, planRepair, type RepairPolicy } from "./classify.ts";
import { LOOK_BATCH } from "./compare.ts";
import type { Drift } from "./drift.ts";

export type RepairParts = Parts<"rules" | "reporter" | "signal" | "ledger"> & ReturnType<typeof bothOf>;

export type RepairPlan = ReturnType<typeof planRepairs>;

/** What is due to each suspect, and how many tasks are repaired if nothing fails. */
export function planRepairs(drift: Drift, policy: RepairPolicy) {
  const due = Object.fromEntries(ACTIONS.map((action) => [action, [] as number[]])) as Record<Action, number[]>;
  for (const suspect of drift.suspectsOf(...KINDS)) {
    due[planRepair(drift.traits(suspect), policy)].push(suspect);
  }
  const size = drift.size - due.keep.length - (policy.removeMembers ? 0 : drift.counts.misplaced);
  return { policy, due, size };
}

const UNTAKEABLE = "its copy in Redis can't go into the store file: it isn't a valid record";

/** First Redis's records go into the file, then Redis gets what the file has; last, what neither should have is removed. */
export class Repair {
  readonly #failures: NamedWarnings;
  readonly #written = new WrittenCopies();
  #intoFileCount = 0;
  repaired = 0;
  /** How many tasks could not be written to Redis. */
  unwritten = 0;

  constructor(
    private readonly parts: RepairParts,
    private readonly drift: Drift,
    private readonly plan: RepairPlan,
  ) {
    this.#failures = new NamedWarnings(parts.reporter, "was not repaired");
  }

  /** @throws TtsctlError STORE_*, REDIS_*, SPOOL_FAILED, AUDIT_FAILED, INTERRUPTED */
  async run(file: CurrentFile): Promise<void> {
    await this.#intoFile(await file.snapshot());
    const snapshot = await file.snapshot();
    const { write, overwrite, bringBack, restore } = this.plan.due;
    await this.#writeAll(snapshot, write, { over: false, isNews: true });
    await this.#writeAll(snapshot, overwrite, { over: true, isNews: true });
    await this.#writeAll(snapshot, [...bringBack, ...restore], { over: true, isNews: false });
    this.#throwIfInterrupted();
    const returned = await this.#written.follow(this.parts.mirror, file);
    for (const id of returned) this.#failures.add(id, RETURNED);
    await this.parts.ledger?.returned(returned);
    this.repaired -= returned.length;
    for (const suspect of this.plan.due.keep) {
      const { finding, isRecord } = this.drift.traits(suspect);
      const isWanted = finding === "newerInRedis" || (finding === "onlyInRedis" && this.plan.policy.restore);
      if (isWanted && !isRecord) this.#failures.add(this.drift.id(suspect), UNTAKEABLE);
    }
    this.#failures.end();
    await this.#remove("removeMember", { action: "repair", reason: "dangling", membersOnly: true });
    if (this.plan.policy.removeMembers) await this.#removeStrays();
    await this.#remove("prune", { action: "prune", reason: "orphan" });
  }

  /** The error that stopped the repair, which says how far the store file was changed by then. */
  withFileChange(error: unknown): unknown {
    if (!(error instanceof TtsctlError) || this.#intoFileCount === 0) return error;
    const tasks = counted(this.#intoFileCount, "task");
    return new TtsctlError(error.code, `${error.message}; copied from Redis to the file before that: ${tasks}`, {
      hint: "fix the cause, then run it again to finish",
      cause: error,
    });
  }

  /** Through a temporary file: there may be a million. @param base read before: what the service deletes after that isn't put back */
  async #intoFile(base: Snapshot): Promise<void> {
    const { bringBack, restore } = this.plan.due;
    if (bringBack.length + restore.length === 0) return;
    const { file, rules, reporter, signal } = this.parts;
    await using source = await spooled(file.path, rules, async (add) => {
      for (const batch of batches([...bringBack, ...restore], LOOK_BATCH)) {
        this.#throwIfInterrupted();
        for (const json of await this.#recordsFor(batch, base)) await add(json);
      }
    });
    const plan = await MergePlan.make(source, [...source.liveRows()], "newer", base, signal);
    await mergeIntoFile({ file, reporter, signal, ledger: null }, plan, base); // it was announced
    const { added, replaced } = plan.counts();
    this.#intoFileCount = added + replaced;
  }

  /** Redis's records of tasks; none if the file has lost the one that is to be replaced. */
  async #recordsFor(batch: readonly number[], base: Snapshot): Promise<string[]> {
    const { mirror } = this.parts;
    const ids = this.#ids(batch);
    await this.#announce(batch);
    const ours = await base.recordsOf(ids);
    return (await mirror.fullCopies(ids)).flatMap((copy, i) => {
      const isWanted = !this.drift.traits(batch[i]!).inFile || base.holds(ids[i]!);
      const record = isWanted ? recordOf(copy, ids[i]!, mirror, ours[i]!) : null;
      return record === null ? [] : [record.json];
    });
  }

  /** @param how over: also over other content of the same time, and over fragments; isNews: whether they were not announced yet */
  async #writeAll(snapshot: Snapshot, due: readonly number[], how: { over: boolean; isNews: boolean }): Promise<void> {
    const { mirror, ledger, reporter, signal } = this.parts;
    const options = { written: this.#written, overEqual: how.over, overPartial: how.over };
    const writeBatch = async (batch: readonly number[]) => {
      const ids = this.#ids(batch);
      const records = await snapshot.recordsOf(ids);
      if (how.isNews) await this.#announce(batch);
      const tasks = records.filter((task) => task !== null);
      const outcomes = await writeToMirror(mirror, tasks, options);
      if (!how.isNews) tasks.forEach((task, i) => void (outcomes[i] === "unchanged" && this.#written.note(task)));
      await this.#count(tasks, outcomes);
      const gone = ids.filter((_, i) => records[i] === null);
      for (const id of gone) this.#failures.add(id, "the file no longer has it");
      await ledger?.stayed(gone);
      reporter.progress("repairing", this.repaired, this.plan.size);
    };
    await pool(batches(due, BATCH), IN_FLIGHT, writeBatch, signal);
  }

  async #count(tasks: readonly Task[], outcomes: readonly Outcome<WriteOutcome>[]): Promise<void> {
    const stayed = tasks.filter((_, i) => outcomes[i] === "newer" || outcomes[i] instanceof TtsctlError);
    const newer = tasks.filter((_, i) => outcomes[i] === "newer");
    this.repaired += tasks.length - stayed.length;
    this.unwritten += stayed.length - newer.length;
    await this.parts.ledger?.stayed(stayed);
    for (const task of newer) this.#failures.add(task, "Redis has a newer record");
    this.#failures.addErrors(outcomes, (i) => tasks[i]!);
  }

  async #remove(action: Action, how: Omit<Orphans, "ids" | "count">): Promise<void> {
    const due = this.plan.due[action];
    this.repaired += (await pruneOrphans(this.parts, { ids: this.#ids(due), count: due.length, ...how })).pruned;
    this.#throwIfInterrupted();
  }

  /** Removes members of tasks from the indexes of other users. */
  async #removeStrays(): Promise<void> {
    const { keys, owners, counts } = this.drift;
    const misplaced = new Set<string>();
    const onStayed = ({ userId, taskId }: TaskId) => {
      const owner = owners.get(keys.find(userId, taskId))!;
      if (!this.drift.isDrifting(owner)) misplaced.add(keyOf(owner));
    };
    const how = { action: "repair", reason: "misplaced", membersOnly: true, onStayed } as const;
    await pruneOrphans(this.parts, { ids: this.#ids([...owners.keys()]), count: counts.misplaced, ...how });
    this.#throwIfInterrupted();
    this.repaired += counts.misplaced - misplaced.size;
  }

  #ids(suspects: readonly number[]): TaskId[] {
    return suspects.map((suspect) => this.drift.id(suspect));
  }

  async #announce(batch: readonly number[]): Promise<void> {
    const reasonOf = (suspect: number) => this.drift.traits(suspect).finding;
    const entries = batch.map((suspect) => ({ ...this.drift.id(suspect), reason: reasonOf(suspect) }));
    await this.parts.ledger?.announce("repair", entries);
  }

  #throwIfInterrupted(): void {
    throwIfInterrupted(this.parts.signal, `${this.repaired} of ${this.plan.size} tasks were repaired`);
  }
}
