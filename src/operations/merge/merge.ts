import type { TtsctlError } from "../../errors.ts";
import { throwIfInterrupted } from "../../errors.ts";
import { batches } from "../../store/batches.ts";
import type { FileStore } from "../../store/file/file-store.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import type { MirrorState } from "../../store/mirror-link.ts";
import { BATCH } from "../../store/redis/copies.ts";
import type { TaskId } from "../../store/task-source.ts";
import { keyOf } from "../../task/ids.ts";
import type { Ledger } from "../ledger.ts";
import { NamedWarnings, RETURNED, type Reporter } from "../reporter.ts";
import type { Selection } from "../select.ts";
import { chooseRows } from "./choose-rows.ts";
import { goesIn, type MergePolicy } from "./decide.ts";
import { MergePlan } from "./merge-plan.ts";
import { type Mirrored, mirrorRecords } from "./mirror-records.ts";

/** What becomes of the records of the source; their sum is how many it has. */
export interface MergeCounts {
  /** New in the file. */
  added: number;
  /** In the place of the file's record. */
  replaced: number;
  /** The file has the same already. */
  identical: number;
  /** The file's stays: it is newer. */
  older: number;
  /** The file's stays: its time is the same, its content is not. */
  conflict: number;
  /** The file's stays, as was asked for. */
  present: number;
  /** The service wrote or deleted it during the run, and that is kept. */
  changed: number;
  /** Cannot be put into this file; named. */
  refused: number;
}

export interface MergeOutcome extends MergeCounts {
  /** The ids asked for that the source does not have. */
  readonly missing: string[];
  /** Of those added and replaced, the records that a service which holds the store in memory took out again. */
  returned: readonly TaskId[];
  mirrored: Mirrored;
  /** Why the mirror was left out, or was from some point on; null where it was not, or is off. */
  problem: TtsctlError | null;
}

export interface MergeParts {
  readonly file: FileStore;
  readonly mirror: MirrorState;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
  /** The audit ledger; null where none is kept, or it was told already. */
  readonly ledger: Ledger | null;
  /** Asked before anything is written, with what is planned; throws where the answer is no. */
  confirm?(planned: MergeCounts): Promise<void>;
}

export interface MergeOptions {
  readonly policy: MergePolicy;
  readonly dryRun: boolean;
  /** Which tasks of the source are meant. */
  readonly selection: Selection;
}

/**
 * Puts the records of a source into the store file, and then into the mirror what the file has of them: the file first,
 * in one rewrite, decided on again whenever the file moves; the mirror guarded, and its failure is a value. What was
 * stopped in between is finished by the next run. The caller holds the run lock, unless it is a dry run.
 * @param source any store file, such as a spool; its live rows count. The caller closes it
 * @throws TtsctlError STORE_*, INTERRUPTED, and what `confirm` throws
 */
export async function mergeRecords(parts: MergeParts, source: Snapshot, options: MergeOptions): Promise<MergeOutcome> {
  const { rows, missing } = chooseRows(source, options.selection);
  const plan = new MergePlan(source, rows, options.policy);
  const returned = await writeFile(parts, plan, options);
  const counts = countFates(plan);
  nameProblems(parts.reporter, plan, returned);
  const nothing = { written: 0, unchanged: 0, newer: 0, failed: 0 };
  const { mirror } = parts;
  if (options.dryRun || mirror.kind !== "on") {
    return { ...counts, missing, returned, mirrored: nothing, problem: mirror.kind === "down" ? mirror.error : null };
  }
  const gone = new Set(returned.map(keyOf));
  const mirrored = await mirrorRecords({ ...parts, mirror: mirror.mirror }, source, plan, gone);
  throwIfInterrupted(parts.signal, `the file has the records, Redis ${mirrored.mirrored.written} of them`);
  return { ...counts, missing, returned, ...mirrored };
}

/** The file's part. Returns what was taken out again. */
async function writeFile(parts: MergeParts, plan: MergePlan, options: MergeOptions): Promise<readonly TaskId[]> {
  const base = await parts.file.read(parts.signal);
  try {
    const { upserts } = await plan.on(base, parts.signal);
    if (options.dryRun || upserts.size === 0) return [];
    await parts.confirm?.(countFates(plan));
    throwIfInterrupted(parts.signal, "nothing was written");
    const announced = await announce(parts.ledger, plan);
    const { returned } = await parts.file.edit((current) => plan.on(current, parts.signal), base);
    await parts.ledger?.stayed(announced.filter((row) => !goesIn(plan.fate(row))).map((row) => plan.id(row)));
    await parts.ledger?.returned(returned);
    return returned;
  } finally {
    await base.close();
  }
}

/** Tells the ledger which records are about to go in. Returns their rows. */
async function announce(ledger: Ledger | null, plan: MergePlan): Promise<number[]> {
  if (ledger === null) return [];
  const rows = [...plan.fates()].filter(([, fate]) => goesIn(fate)).map(([row]) => row);
  for (const batch of batches(rows, BATCH)) {
    const entries = batch.map((row) => ({ ...plan.id(row), reason: plan.fate(row) === "add" ? "added" : "replaced" }));
    await ledger.announce("import", entries);
  }
  return rows;
}

function countFates(plan: MergePlan): MergeCounts {
  const fates = { undecided: 0, add: 0, replace: 0, identical: 0, older: 0, conflict: 0, present: 0 };
  const all = { ...fates, changed: 0, refused: 0 };
  for (const [, fate] of plan.fates()) all[fate]++;
  const { undecided: _, add: added, replace: replaced, ...rest } = all;
  return { added, replaced, ...rest };
}

/** What an operator should look at himself. */
function nameProblems(reporter: Reporter, plan: MergePlan, returned: readonly TaskId[]): void {
  const refused = new NamedWarnings(reporter, "cannot be put into the store file");
  const conflicts = new NamedWarnings(reporter, "stays as the store file has it");
  const back = new NamedWarnings(reporter, "was taken out again");
  for (const [row, fate] of plan.fates()) {
    const { userId, taskId } = plan.id(row);
    if (fate === "refused") refused.add(userId, taskId, REFUSED);
    if (fate === "conflict") conflicts.add(userId, taskId, "the two have the same time and other content");
    if (fate === "changed") conflicts.add(userId, taskId, "the service changed or deleted it during the run");
  }
  for (const { userId, taskId } of returned) back.add(userId, taskId, RETURNED);
  for (const named of [refused, conflicts, back]) named.end();
}

const REFUSED = "an invalid record of the task is there, or its field deleted would end the task in JSON Lines";
