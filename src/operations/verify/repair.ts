import { TtsctlError, throwIfInterrupted } from "../../errors.ts";
import { batches, fillIn, IN_FLIGHT, pool } from "../../pool.ts";
import type { CurrentFile } from "../../store/file/shared-snapshot.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { guardOf } from "../../store/layout/copy.ts";
import { BATCH, type Outcome, type Upsert } from "../../store/redis/copies.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import { recordOf } from "../../store/redis/records.ts";
import { upsertOver, type WriteOutcome, writeToMirror } from "../../store/redis/write.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { Writable } from "../../store/writable.ts";
import { WrittenCopies } from "../../store/written-copies.ts";
import { counted } from "../../task/amounts.ts";
import { keyOf } from "../../task/ids.ts";
import type { Task } from "../../task/task.ts";
import { mergeIntoFile } from "../merge/merge.ts";
import { MergePlan } from "../merge/merge-plan.ts";
import { spooled } from "../merge/spool.ts";
import type { Parts } from "../parts.ts";
import type { bothOf } from "../preflight.ts";
import { type Orphans, pruneOrphans } from "../prune.ts";
import { NamedWarnings, RETURNED } from "../reporter.ts";
import { ACTIONS, type Action, classify, KINDS, planRepair, type RepairPolicy } from "./classify.ts";
import type { Drift } from "./drift.ts";
import { LOOK_BATCH } from "./suspects.ts";

export type RepairParts = Parts<"rules" | "reporter" | "signal" | "ledger"> & ReturnType<typeof bothOf>;

export interface RepairPlan {
  readonly policy: RepairPolicy;
  readonly due: Readonly<Record<Action, number[]>>;
  /** How many tasks are repaired if nothing fails. */
  readonly size: number;
}

export function planRepairs(drift: Drift, policy: RepairPolicy): RepairPlan {
  const due = Object.fromEntries(ACTIONS.map((action) => [action, [] as number[]])) as Record<Action, number[]>;
  for (const suspect of drift.suspectsOf(...KINDS)) {
    due[planRepair(drift.suspects.traits(suspect), policy)].push(suspect);
  }
  const size = drift.size - due.keep.length - (policy.removeMembers ? 0 : drift.counts.misplaced);
  return { policy, due, size };
}

/**
 * Carries out a plan: first Redis's records go into the file, in one rewrite; then Redis gets what the file has; last,
 * what neither should have is removed. Each step applies only if the copy is still as it was read.
 */
export class Repair {
  readonly #parts: RepairParts;
  readonly #drift: Drift;
  readonly #plan: RepairPlan;
  readonly #failures: NamedWarnings;
  readonly #written = new WrittenCopies();
  #intoFileCount = 0;
  repaired = 0;
  /** How many tasks could not be written to Redis. */
  unwritten = 0;

  constructor(parts: RepairParts, drift: Drift, plan: RepairPlan) {
    this.#parts = parts;
    this.#drift = drift;
    this.#plan = plan;
    this.#failures = new NamedWarnings(parts.reporter, "was not repaired");
  }

  /** @throws TtsctlError STORE_*, REDIS_*, SPOOL_FAILED, AUDIT_FAILED, INTERRUPTED */
  async run(file: CurrentFile): Promise<void> {
    await this.#intoFile(await file.snapshot());
    await this.#intoMirror(await file.snapshot());
    const returned = await this.#written.follow(this.#parts.mirror, file);
    for (const id of returned) this.#failures.add(id, RETURNED);
    await this.#parts.ledger?.returned(returned);
    this.repaired -= returned.length;
    this.#nameUntakeable();
    this.#failures.end();
    await this.#remove("removeMember", { action: "repair", reason: "dangling", membersOnly: true });
    if (this.#plan.policy.removeMembers) await this.#removeStrays();
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

  /**
   * Puts Redis's records into the file, through a temporary file: there may be a million.
   * @param base before the records are read: a task that the service deletes after that isn't put back
   */
  async #intoFile(base: Snapshot): Promise<void> {
    const { bringBack, restore } = this.#plan.due;
    if (bringBack.length + restore.length === 0) return;
    const { file, rules, reporter, signal } = this.#parts;
    await using source = await spooled(file.path, rules, async (add) => {
      for (const batch of batches([...bringBack, ...restore], LOOK_BATCH)) {
        this.#throwIfInterrupted();
        for (const json of await this.#recordsFor(batch, base)) await add(json);
      }
    });
    const plan = await MergePlan.make(source, Int32Array.from(source.liveRows()), "newer", base, signal);
    await mergeIntoFile({ file, reporter, signal, ledger: null }, plan, base); // it was announced
    const { added, replaced } = plan.counts();
    this.#intoFileCount = added + replaced;
  }

  /** Redis's records of tasks; none if the file has lost the one that is to be replaced. */
  async #recordsFor(batch: readonly number[], base: Snapshot): Promise<string[]> {
    const { mirror } = this.#parts;
    const { suspects } = this.#drift;
    const ids = this.#ids(batch);
    await this.#announce(batch);
    const ours = await base.recordsOf(ids);
    return (await mirror.fullCopies(ids)).flatMap((copy, i) => {
      const isWanted = !suspects.traits(batch[i]!).inFile || base.holds(ids[i]!);
      const record = isWanted ? recordOf(copy, ids[i]!, mirror, ours[i]!) : null;
      return record === null ? [] : [record.json];
    });
  }

  /** The copies of the file's records, also of those that were just put into it, become what a sync writes. */
  async #intoMirror(snapshot: Snapshot): Promise<void> {
    const { write, overwrite, bringBack, restore } = this.#plan.due;
    const [mirror, written] = [this.#parts.mirror, this.#written];
    const over = (tasks: readonly Task[]) => writeOver(mirror, tasks, written);
    await this.#writeAll(snapshot, write, (tasks) => writeToMirror(mirror, tasks, { written }));
    await this.#writeAll(snapshot, overwrite, over);
    await this.#writeAll(snapshot, [...bringBack, ...restore], over, false);
    this.#throwIfInterrupted();
  }

  /** @param isNews whether they were not announced yet */
  async #writeAll(snapshot: Snapshot, due: readonly number[], write: Write, isNews = true): Promise<void> {
    const { ledger, reporter, signal } = this.#parts;
    const writeBatch = async (batch: readonly number[]) => {
      const ids = this.#ids(batch);
      const records = await snapshot.recordsOf(ids);
      if (isNews) await this.#announce(batch);
      const tasks = records.filter((task) => task !== null);
      const outcomes = await write(tasks);
      if (!isNews) tasks.forEach((task, i) => void (outcomes[i] === "unchanged" && this.#written.note(task)));
      await this.#count(tasks, outcomes);
      const gone = ids.filter((_, i) => records[i] === null);
      for (const id of gone) this.#failures.add(id, "the file no longer has it");
      await ledger?.stayed(gone);
      reporter.progress("repairing", this.repaired, this.#plan.size);
    };
    await pool(batches(due, BATCH), IN_FLIGHT, writeBatch, signal);
  }

  async #count(tasks: readonly Task[], outcomes: readonly Outcome<WriteOutcome>[]): Promise<void> {
    const isWritten = (outcome: Outcome<WriteOutcome>) => typeof outcome === "string" && outcome !== "newer";
    const stayed = tasks.filter((_, i) => !isWritten(outcomes[i]!));
    this.repaired += tasks.length - stayed.length;
    this.unwritten += outcomes.filter((outcome) => outcome instanceof TtsctlError).length;
    await this.#parts.ledger?.stayed(stayed);
    for (const [i, task] of tasks.entries()) {
      if (outcomes[i] === "newer") this.#failures.add(task, "Redis has a newer record");
    }
    this.#failures.addErrors(outcomes, (i) => tasks[i]!);
  }

  /** Names the tasks of which Redis has the better copy, but not as a record that the file can take. */
  #nameUntakeable(): void {
    for (const suspect of this.#plan.due.keep) {
      const { finding, isRecord } = this.#drift.suspects.traits(suspect);
      const isWanted = finding === "newerInRedis" || (finding === "onlyInRedis" && this.#plan.policy.restore);
      if (!isWanted || isRecord) continue;
      const reason = "its copy in Redis can't go into the store file: it isn't a valid record";
      this.#failures.add(this.#drift.suspects.id(suspect), reason);
    }
  }

  async #remove(action: Action, how: Omit<Orphans, "ids" | "count">): Promise<void> {
    const due = this.#plan.due[action];
    this.repaired += (await pruneOrphans(this.#parts, { ids: this.#ids(due), count: due.length, ...how })).pruned;
    this.#throwIfInterrupted();
  }

  /** Removes members of tasks from the indexes of other users. */
  async #removeStrays(): Promise<void> {
    const { suspects, owners, counts } = this.#drift;
    const misplaced = new Set<string>();
    const onStayed = ({ userId, taskId }: TaskId) => {
      const owner = owners.get(suspects.keys.find(userId, taskId))!;
      if (!this.#drift.isDrifting(owner)) misplaced.add(keyOf(owner));
    };
    const how = { action: "repair", reason: "misplaced", membersOnly: true, onStayed } as const;
    await pruneOrphans(this.#parts, { ids: this.#ids([...owners.keys()]), count: counts.misplaced, ...how });
    this.#throwIfInterrupted();
    this.repaired += counts.misplaced - misplaced.size;
  }

  #ids(suspects: readonly number[]): TaskId[] {
    return suspects.map((suspect) => this.#drift.suspects.id(suspect));
  }

  async #announce(batch: readonly number[]): Promise<void> {
    const { suspects } = this.#drift;
    const entries = batch.map((suspect) => ({ ...suspects.id(suspect), reason: suspects.finding(suspect) }));
    await this.#parts.ledger?.announce("repair", entries);
  }

  #throwIfInterrupted(): void {
    throwIfInterrupted(this.#parts.signal, `${this.repaired} of ${this.#plan.size} tasks were repaired`);
  }
}

type Write = (tasks: readonly Task[]) => Promise<Outcome<WriteOutcome>[]>;

/**
 * Writes the file's records over copies of the same time and over partial hashes. A partial hash isn't a record, so its
 * time doesn't count. Copies that are neither by now get the ordinary guard.
 * @param tasks at most BATCH
 */
async function writeOver(
  mirror: Writable<Mirror>,
  tasks: readonly Task[],
  written: WrittenCopies,
): Promise<Outcome<WriteOutcome>[]> {
  const copies = await mirror.fullCopies(tasks);
  const due = tasks.flatMap((task, i): Upsert[] => {
    const copy = copies[i]!;
    const finding = classify(task, copy, mirror);
    if (finding === "partial") return [{ task, seen: guardOf(copy, mirror).seen, afresh: true }];
    return finding === "differs" ? [upsertOver(task, copy, mirror)] : [];
  });
  const flags = await mirror.upsert(due);
  const flagOf = new Map(due.map(({ task }, i) => [task, flags[i]!]));
  for (const [task, flag] of flagOf) if (flag === true) written.note(task);
  const outcomeOf = (task: Task): Outcome<WriteOutcome> | undefined => {
    const flag = flagOf.get(task) ?? false;
    return typeof flag === "object" ? flag : flag ? "written" : undefined;
  };
  return fillIn(tasks, outcomeOf, (rest) => writeToMirror(mirror, rest, { written }));
}
