import { isRedisError, isStoreError, type TtsctlError, throwIfInterrupted } from "../../errors.ts";
import { sameJson } from "../../json/value.ts";
import { batches } from "../../pool.ts";
import { Changes, putsFrom } from "../../store/file/changes.ts";
import { type Applied, NOT_APPLIED } from "../../store/file/file-store.ts";
import { sameIdentity } from "../../store/file/identity.ts";
import { CurrentFile } from "../../store/file/shared-snapshot.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { BATCH } from "../../store/redis/copies.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import type { Writable } from "../../store/writable.ts";
import { WrittenCopies } from "../../store/written-copies.ts";
import type { TaskId } from "../../task/ids.ts";
import { newer, sameInstant } from "../../task/version.ts";
import type { LedgerAction, LedgerEntry } from "../ledger.ts";
import type { Parts, RedisParts } from "../parts.ts";
import type { Cleared } from "../preflight.ts";
import { NamedWarnings, RETURNED } from "../reporter.ts";

export interface MergeParts extends Parts<"reporter" | "signal" | "ledger">, Pick<Cleared, "file"> {
  /** Asks before anything is written; throws if declined. */
  confirm?(planned: MergeCounts): Promise<void>;
}

/**
 * Puts the records of a plan into the store file, and warns of those that were left out. @param base the content that it was made for: a
 * task that is deleted after it isn't added again @returns `returned`: what a service which holds the store in memory took out again
 */
export async function mergeIntoFile(parts: MergeParts, plan: MergePlan, base: Snapshot, dryRun = false) {
  let applied = NOT_APPLIED;
  if (!dryRun && !plan.goingIn().next().done) {
    await parts.confirm?.(plan.counts());
    throwIfInterrupted(parts.signal, "nothing was written");
    const entryOf = (row: number) => ({ ...plan.id(row), reason: plan.fate(row)! });
    applied = await applyToFile(parts, plan.changes(base), "import", { items: plan.goingIn(), entryOf });
    plan.leave(applied.changed);
  }
  const kept = new NamedWarnings(parts.reporter, "is kept as in the store file");
  const refused = new NamedWarnings(parts.reporter, "cannot be put into the store file");
  refused.addAll(Array.from(plan.of("refused"), plan.id), REFUSED);
  for (const row of plan.of("conflict"))
    kept.add(plan.id(row), "the two records have the same time but different content");
  for (const row of plan.of("changed")) kept.add(plan.id(row), "the service changed or deleted it during the run");
  kept.end();
  const undone = new NamedWarnings(parts.reporter, "was put into the file, but the service undid that");
  undone.addAll(applied.returned, RETURNED);
  return applied;
}

const REFUSED =
  'the file has an invalid record of the task, or the "deleted" field of the record would delete the task';

/** Makes changes in one rewrite of the file, after announcing them in the ledger. @throws TtsctlError STORE_*, AUDIT_FAILED */
export async function applyToFile<T>(
  { file, ledger }: Parts<"ledger"> & Pick<Cleared, "file">,
  changes: Changes,
  action: LedgerAction,
  { items, entryOf }: { readonly items: Iterable<T>; readonly entryOf: (item: T) => LedgerEntry },
): Promise<Applied> {
  if (ledger !== null) {
    for (const batch of batches(items, BATCH)) await ledger.announce(action, batch.map(entryOf));
  }
  const applied = await file.apply(changes);
  await ledger?.stayed(applied.changed);
  await ledger?.returned(applied.returned);
  return applied;
}

/**
 * Writes to Redis, follows the file's changes since, and names tasks whose older record came back. @param applied identity: of a
 * content that has what is written @returns problem: what ended it early, or null
 */
export async function thenIntoMirror(
  parts: RedisParts<"file" | "reporter" | "ledger"> & { readonly mirror: Writable<Mirror> },
  applied: Pick<Applied, "identity">,
  work: (current: CurrentFile, written: WrittenCopies) => Promise<void>,
): Promise<{ problem: TtsctlError | null; returned: readonly TaskId[] }> {
  const { file, mirror, reporter, ledger } = parts;
  await using current = new CurrentFile(file);
  const written = new WrittenCopies();
  try {
    await work(current, written);
    const isSame = applied.identity !== null && sameIdentity(await file.identity(), applied.identity);
    const returned = written.size > 0 && !isSame ? await written.follow(mirror, current) : [];
    new NamedWarnings(reporter, "was written back").addAll(returned, RETURNED);
    await ledger?.returned(returned);
    return { problem: null, returned };
  } catch (error) {
    if (!isRedisError(error) && !isStoreError(error)) throw error;
    return { problem: error, returned: [] };
  }
}

export type MergePolicy = "newer" | "keep" | "replace";

/**
 * The action of a merge for a record, or why it keeps the file's: the file has the same, a newer one, one of the same time with other
 * content, or one that the policy keeps; the service wrote or deleted it during the run; the file can't hold it.
 */
const FATES = ["added", "replaced", "identical", "older", "conflict", "present", "changed", "refused"] as const;
type Fate = (typeof FATES)[number];

export type MergeCounts = Record<Fate, number>;

/** By the times of the record and of the file's (NaN for none). @param same whether both have the same content; asked only at equal times */
function decideMerge(policy: MergePolicy, ours: number, theirs: number, same: boolean): Fate {
  if (Number.isNaN(theirs)) return "added";
  if (same && sameInstant(ours, theirs)) return "identical";
  if (policy === "keep") return "present";
  if (policy === "replace" || newer(ours, theirs)) return "replaced";
  return newer(theirs, ours) ? "older" : "conflict";
}

export type MergePlan = Awaited<ReturnType<typeof planMerge>>;

/** What becomes of the chosen `rows` of one file, ascending, in one content of the store file. @throws TtsctlError INTERRUPTED by the signal */
export async function planMerge(
  source: Snapshot,
  rows: readonly number[],
  policy: MergePolicy,
  base: Snapshot,
  signal: AbortSignal,
) {
  /** By row of the source: its fate, and the time of the file's record, epoch seconds; NaN for none. */
  const [fates, times]: [Fate[], number[]] = [[], []];
  const scoreOf = (row: number) => source.rows.score(row);
  for (const batch of batches(rows, BATCH)) {
    const pairs = batch.map((row) => {
      const id = source.idOf(row);
      const theirs = base.rowOf(id);
      // An invalid record of the same task would hide the record; in JSON Lines, `deleted` would delete its task.
      const isHidden = theirs < 0 && base.hasInvalid(id);
      const isRefused = base.writesLines ? source.rows.looksDeleted.has(row) : isHidden;
      return { row, theirs, isRefused, before: theirs < 0 ? Number.NaN : base.rows.score(theirs) };
    });
    const alike = pairs.filter(({ row, before }) => sameInstant(scoreOf(row), before));
    const ours = await source.readTasks(alike.map(({ row }) => row));
    const inFile = await base.readTasks(alike.map(({ theirs }) => theirs));
    const same = new Set(alike.filter((_, i) => sameJson(ours[i]!.json, inFile[i]!.json)).map(({ row }) => row));
    for (const { row, isRefused, before } of pairs) {
      fates[row] = isRefused ? "refused" : decideMerge(policy, scoreOf(row), before, same.has(row));
      times[row] = before;
    }
    throwIfInterrupted(signal, "nothing was written");
  }

  const fate = (row: number) => fates[row]!;
  function* of(...wanted: readonly Fate[]): Generator<number> {
    for (const row of rows) if (wanted.includes(fate(row))) yield row;
  }
  const goingIn = () => of("added", "replaced");
  return {
    id: (row: number) => source.idOf(row),
    fate,
    of,
    goingIn,

    /** Puts the records that go into the file. @param base as above */
    changes: (base: Snapshot) => new Changes(base, { removed: new Set(), puts: putsFrom(source, [...goingIn()]) }),

    /** The service changed or deleted these tasks before they were written. */
    leave(ids: readonly TaskId[]): void {
      for (const id of ids) fates[source.rowOf(id)] = "changed";
    },

    counts(): MergeCounts {
      const counts = Object.fromEntries(FATES.map((fate) => [fate, 0])) as MergeCounts;
      for (const row of rows) counts[fate(row)]++;
      return counts;
    },

    /** The time of the file's record that a row replaced, epoch seconds; NaN if it replaced none. */
    replacedTime: (row: number) => (fate(row) === "replaced" ? times[row]! : Number.NaN),
  };
}
