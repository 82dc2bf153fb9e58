import { isRedisError, isStoreError, TtsctlError, throwIfInterrupted } from "../../errors.ts";
import { fieldJson } from "../../json/record.ts";
import { batches } from "../../pool.ts";
import { Changes, putsFrom } from "../../store/file/changes.ts";
import { NOT_APPLIED } from "../../store/file/file-store.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { type RedisCopy, stateOf } from "../../store/layout/copy.ts";
import { causeOf } from "../../store/mirror-link.ts";
import { BATCH, type Outcome, type Upsert } from "../../store/redis/copies.ts";
import { unlessFatal } from "../../store/redis/errors.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import { writeToMirror } from "../../store/redis/write.ts";
import type { Writable } from "../../store/writable.ts";
import type { WrittenCopies } from "../../store/written-copies.ts";
import { keyOf, type TaskId } from "../../task/ids.ts";
import type { TaskFilter } from "../../task/query-fields.ts";
import type { RecordRules } from "../../task/rules.ts";
import { RecordParser, saysDeleted, type Task } from "../../task/task.ts";
import { touched } from "../../task/touch.ts";
import { newer, sameInstant } from "../../task/version.ts";
import { type BackupFile, ENDS_ITSELF } from "../backup.ts";
import { checkBrake, type MaxDelete, PlanSummary } from "../brake.ts";
import {
  asCopy,
  type Copies,
  copyPasses,
  fileCopies,
  fileCopyOf,
  INVALID_RECORD,
  mirrorCopy,
  newestCopy,
  notChosen,
  sameCopy,
  viewFor,
} from "../copies.ts";
import { announced } from "../ledger.ts";
import { applyToFile, thenIntoMirror } from "../merge/merge.ts";
import type { Parts } from "../parts.ts";
import { preflight } from "../preflight.ts";
import { type MarkedTask, NamedWarnings, RETURNED } from "../reporter.ts";
import { missingOf, type Refused, type Selection, select } from "../select.ts";
import { chosenIds, type Survey } from "../survey.ts";

export interface MarkOptions {
  /** The service's word that is written. */
  readonly status: string;
  readonly shown: string;
  /** Undefined keeps the record's own. */
  readonly error: string | null | undefined;
  readonly dryRun: boolean;
  readonly maxMark: MaxDelete;
  /** Whether `--backup` was given, also in a dry run. */
  readonly isBackedUp: boolean;
  readonly allowEmpty: boolean;
}

/** `mark -o json`: requested = marked + unchanged + missing + refused + failed + returned. A dry run has the tasks to mark by status. */
export type MarkResult = Awaited<ReturnType<typeof markTasks>>["result"];

export interface MarkParts extends Parts<"file" | "mirror" | "rules" | "clock" | "reporter" | "signal" | "ledger"> {
  /** Receives each record before its change. */
  readonly backup: BackupFile | null;
  /** Asks before anything is marked; throws if the answer is no. */
  confirm(plan: PlanSummary): Promise<void>;
}

/**
 * Sets the status of chosen tasks in the file, in one rewrite, then in Redis, except tasks that the service changes during the run.
 * Unless it is a dry run, the caller holds the run lock. @throws TtsctlError, before the first mark; BACKUP_FAILED
 */
export async function markTasks(parts: MarkParts, selection: Selection, options: MarkOptions) {
  const { backup, ledger, reporter, signal } = parts;
  const { dryRun, shown: to } = options;
  const marker = markerOf(options, parts.clock.now(), parts.rules);
  await using base = await parts.file.read();
  const age = selection.age ?? Number.POSITIVE_INFINITY; // marked tasks get this machine's time
  const { file, use } = await preflight(parts, "mark", { snapshot: base, age, allowEmpty: options.allowEmpty, dryRun });
  const { found, plan } = await use.attempt(async (mirror) => {
    const found = await select(base, mirror, selection);
    return { found, plan: await planMarks(base, mirror, marker, { ...options, filter: selection.filter }, found) };
  });
  const missing = selection.ids === null ? [] : missingOf(selection, plan.gone);
  const { inFile, onlyInRedis, behind, summary } = plan;
  const lists = { missing, refused: [] as Refused[] };
  const result = { requested: 0, marked: 0, unchanged: plan.unchanged, ...lists, failed: 0, returned: 0, dryRun };
  const refusals = new NamedWarnings(reporter, "is left unchanged");
  const unread = new NamedWarnings(reporter, "was not marked");
  const failures = new NamedWarnings(reporter, "was not marked in Redis");
  const untried = new Set(onlyInRedis); // in Redis yet
  const markedOf = (task: Task) => marker(task) as Task;
  const idOf = ({ id, row }: Target) => id ?? base.idOf(row);
  const idsOf = (targets: readonly Target[]) => targets.map(idOf);
  const inFileOf = ({ row }: Target) => (row < 0 ? null : asCopy(fileCopyOf(base.rows, base.rows.key(row))));
  const copyOf = (target: Target) => (target.copy === undefined ? inFileOf(target) : target.copy);
  const fromOf = (target: Target) => (inFileOf(target) ?? asCopy(copyOf(target)))!.status;
  const entryOf = (target: Target) => ({ ...idOf(target), reason: `${fromOf(target)} to ${to}` });
  const refuse = (id: TaskId, reason: string) => {
    result.refused.push({ user_id: id.userId, task_id: id.taskId, reason });
    refusals.add(id, reason);
  };
  for (const [id, reason] of plan.refused) refuse(id, reason);
  for (const [id, error] of plan.failed) unread.add(id, error);
  const all = Math.max(base.size, found.members);
  checkBrake(summary.count, all, options.maxMark, { verb: "mark", flag: "--max-mark" });
  let problem: TtsctlError | null = null;
  let applied = NOT_APPLIED;
  if (dryRun) {
    for (const targets of [inFile, onlyInRedis]) await report(targets, () => use.mirror !== null);
  } else await apply();
  for (const named of [refusals, unread, failures]) named.end();
  const { marked, refused, returned } = result;
  const failed = unread.count + failures.count;
  const requested = marked + result.unchanged + missing.length + refused.length + failed + returned;
  const counts = { ...result, requested, missing, failed, ...(dryRun && { byStatus: summary.counts }) };
  return { result: counts, problem: use.lost ?? problem };

  async function apply(): Promise<void> {
    if (summary.count > 0) {
      summary.refused = plan.refused.length;
      await parts.confirm(summary);
      throwIfInterrupted(signal, "nothing was marked");
    }
    const marked = await markInFile();
    for (const target of marked) untried.add(target);
    const { mirror } = use; // null: only the file is marked
    if (mirror !== null) {
      const outcome = await thenIntoMirror({ ...parts, file, mirror }, applied, async (current, written) => {
        await each(marked, (targets) => writeMarked(mirror, targets, written));
        await each(onlyInRedis, async (targets) => markOnlyInRedis(mirror, await current.snapshot(), targets));
        await each(behind, (rows) => bringInStep(mirror, rows, written));
      });
      problem = outcome.problem;
      // A service put an older record back after the mark; of tasks that had the status already, nothing was marked.
      const unchanged = new Set(behind);
      for (const id of outcome.returned) {
        result.returned++;
        result[unchanged.has(base.rowOf(id)) ? "unchanged" : "marked"]--;
      }
    }
    const nothingDone = marked.length === 0 && result.marked === 0;
    if (isStoreError(problem) && nothingDone && onlyInRedis.length > 0) throw problem;
    const [left, isLost] = [[...untried], isRedisError(problem)];
    const inFileToo = left.filter(({ row }) => row >= 0);
    await report(inFileToo, () => (isLost ? "unknown" : false));
    if (problem === null) return;
    for (const { id } of left) if (id !== undefined) failures.add(id, causeOf(problem, LOST));
  }

  async function markInFile(): Promise<Target[]> {
    if (inFile.length === 0) return inFile;
    const rows = inFile.map(({ row }) => row);
    if (backup !== null) for (const some of batches(rows, BATCH)) await backup.append(await base.readTasks(some));
    const puts = putsFrom(base, rows);
    const read = async (numbers: readonly number[]) => (await puts.read(numbers)).map(markedOf);
    const changes = new Changes(base, { removed: new Set(), puts: { ...puts, read } });
    applied = await applyToFile({ ledger, file }, changes, "mark", { items: inFile, entryOf });
    const { changed, returned } = applied;
    new NamedWarnings(reporter, "was written back").addAll(returned, RETURNED);
    for (const id of changed) refuse(id, "the service changed or deleted it during the run");
    result.returned = returned.length;
    const left = new Set([...changed, ...returned].map(keyOf));
    return left.size === 0 ? inFile : inFile.filter((target) => !left.has(keyOf(idOf(target))));
  }

  async function each<T extends Target | number>(items: readonly T[], work: (batch: T[]) => Promise<void>) {
    let done = 0;
    for (const batch of batches(items, BATCH)) {
      if (signal.aborted) return;
      await work(batch);
      for (const item of batch) if (typeof item !== "number") untried.delete(item);
      done += batch.length;
      reporter.progress("marking", done, items.length);
    }
  }

  /** Writes the records that the file got. What the service has changed there since is followed at the end. */
  async function writeMarked(mirror: Writable<Mirror>, targets: Target[], written: WrittenCopies): Promise<void> {
    const copies = await mirror.copies(idsOf(targets), "state");
    const records = (await base.readTasks(targets.map(({ row }) => row))).map(markedOf);
    const done = await overwrite(mirror, targets, copies, records);
    await report(done.keys(), () => true);
    for (const task of done.values()) written.note(task);
  }

  /** Except tasks that the file has by now. */
  async function markOnlyInRedis(mirror: Writable<Mirror>, current: Snapshot, batch: Target[]): Promise<void> {
    const targets = batch.filter((target) => !current.holds(idOf(target)));
    let written = new Map<Target, Task>();
    await announced(ledger, "mark", targets.map(entryOf), async (done) => {
      const copies = await mirror.copies(idsOf(targets), "state");
      const read = await mirror.read(idsOf(targets));
      const records = read.map((record, i) => markedCopy(record, copies[i]!, mirror));
      await backup?.append(read.filter((_, i) => typeof records[i] === "object") as Task[]);
      written = await overwrite(mirror, targets, copies, records);
      for (const target of written.keys()) done(idOf(target));
    });
    for (const id of idsOf(batch)) if (current.holds(id)) refuse(id, "the file has a record of it now");
    await report(written.keys(), () => true);
  }

  /** The marked record, or why it can't be marked: if it differs from the copy, it was written between the two reads. */
  function markedCopy(record: Outcome<Task | undefined>, copy: Outcome<RedisCopy>, mirror: Mirror): Task | string {
    if (record === undefined) return "Redis no longer has a record of it";
    if (record instanceof TtsctlError) return record.message;
    if (copy instanceof TtsctlError) return copy.message;
    const { status, time } = stateOf(copy, mirror);
    if (record.status !== status || !sameInstant(record.score, time)) return CHANGED;
    return marker(record);
  }

  /** Writes records over the copies that were decided on. Returns the written ones. */
  async function overwrite(
    mirror: Writable<Mirror>,
    targets: readonly Target[],
    copies: readonly Outcome<RedisCopy>[],
    records: readonly (Task | string)[],
  ): Promise<Map<Target, Task>> {
    const due: [Target, Upsert][] = [];
    for (const [i, target] of targets.entries()) {
      const [copy, record] = [copies[i]!, records[i]!];
      if (copy instanceof TtsctlError) failures.add(idOf(target), copy);
      else if (typeof record === "string") failures.add(idOf(target), record);
      else if (!sameCopy(copyOf(target), mirrorCopy(copy, mirror))) failures.add(idOf(target), changedIn(target));
      else due.push([target, { task: record, seen: copy }]);
    }
    const flags = unlessFatal(await mirror.upsert(due.map(([, upsert]) => upsert)));
    const written = new Map<Target, Task>();
    for (const [i, [target, { task }]] of due.entries()) {
      const flag = flags[i]!;
      if (flag === true) written.set(target, task);
      else failures.add(idOf(target), flag === false ? changedIn(target) : flag);
    }
    return written;
  }

  /** An earlier mark may have been stopped between the file and Redis. @throws TtsctlError one that concerns every task */
  async function bringInStep(mirror: Writable<Mirror>, rows: number[], written: WrittenCopies): Promise<void> {
    const tasks = await base.readTasks(rows);
    const before = failures.count;
    const outcomes = await writeToMirror(mirror, tasks, { written });
    try {
      failures.addErrors(outcomes, (i) => tasks[i]!);
    } finally {
      result.unchanged -= failures.count - before;
    }
  }

  async function report(targets: Iterable<Target>, redis: (target: Target) => MarkedTask["redis"]): Promise<void> {
    for (const batch of batches(targets, BATCH)) {
      const tasks = batch.map((target) => {
        return { ...idOf(target), from: fromOf(target), to, local: target.row >= 0, redis: redis(target) };
      });
      result.marked += tasks.length;
      await reporter.done("mark", tasks, dryRun);
    }
  }
}

/** Returns the marked record, or the reason why it can't be marked. */
type Marker = (task: Task) => Task | string;

/** Changes status and error, and sets `updated_at` later in the same form; all other fields are kept as they were written. */
function markerOf({ status, error, isBackedUp }: MarkOptions, now: number, rules: RecordRules): Marker {
  const parser = new RecordParser(rules);
  return (task) => {
    if (isBackedUp && saysDeleted(task.json)) return ENDS_ITSELF;
    if (newer(task.score, now)) return "its updated_at is ahead of this machine's clock";
    const changes = new Map([["status", JSON.stringify(status)]]);
    const hasError = fieldJson(task.json, "error") !== undefined;
    if (error !== undefined && (error !== null || hasError)) changes.set("error", JSON.stringify(error));
    return touched(task, changes, now, parser) ?? NO_LATER;
  };
}

/** In the hour that is repeated when daylight saving time ends. */
const NO_LATER = "without an offset, a later updated_at would be ambiguous: daylight saving time has just ended";

interface Target {
  /** Of a Redis-only task; of the others, of which there may be a million, only the row is kept. */
  readonly id: TaskId | undefined;
  /** In the content that was decided on; -1 for a Redis-only task. */
  readonly row: number;
  /** Redis's copy that was decided on; undefined: as the file's. */
  readonly copy: Copies["mirror"] | undefined;
}

type MarkRule = Pick<MarkOptions, "shown" | "error"> & { readonly filter: TaskFilter };

async function planMarks(base: Snapshot, mirror: Mirror | null, marker: Marker, rule: MarkRule, found: Survey) {
  const plan = {
    inFile: [] as Target[],
    onlyInRedis: [] as Target[],
    summary: new PlanSummary(),
    refused: [] as [TaskId, reason: string][],
    failed: [] as [TaskId, TtsctlError][],
    gone: [] as TaskId[],
    /** Tasks that had the status already; their older copies in Redis are overwritten. */
    unchanged: 0,
    /** The rows of unchanged tasks whose copy in Redis differs. */
    behind: [] as number[],
  };
  for (const ids of batches(chosenIds(base, found), BATCH)) {
    const inRedis = mirror === null ? [] : await mirror.copies(ids, viewFor(rule.filter));
    const inFile = await fileCopies(base, ids, rule.filter);
    const records = await base.recordsOf(ids);
    for (const [i, id] of ids.entries()) {
      const redis = inRedis[i] ?? null;
      if (redis instanceof TtsctlError) {
        plan.failed.push([id, redis]);
        continue;
      }
      const copies = { file: inFile[i]!, mirror: redis && mirrorCopy(redis, mirror!, rule.filter, id) };
      const row = base.rowOf(id);
      const decision = decideMark(copies, rule);
      const marked = decision === "mark" && records[i] != null ? marker(records[i]) : null;
      if (typeof decision === "object") plan.refused.push([id, decision.reason]);
      else if (typeof marked === "string") plan.refused.push([id, marked]);
      else if (decision === "gone") plan.gone.push(id);
      else if (decision === "unchanged") {
        plan.unchanged++;
        if (row >= 0 && !sameCopy<Copies[keyof Copies]>(copies.file, copies.mirror)) plan.behind.push(row);
      } else {
        const { status: from } = (asCopy(copies.file) ?? asCopy(copies.mirror))!;
        const copy = sameCopy<Copies[keyof Copies]>(copies.file, copies.mirror) ? undefined : copies.mirror;
        if (row < 0) plan.onlyInRedis.push({ id, row, copy });
        else plan.inFile.push({ id: undefined, row, copy });
        plan.summary.add(id, from);
      }
    }
  }
  return plan;
}

/** A newer copy in Redis is refused: a mark would hide the service's write. */
function decideMark(copies: Copies, { filter, shown, error }: MarkRule) {
  const newest = newestCopy(copies);
  if (copies.file === "invalid") return { reason: INVALID_RECORD };
  if (newest === null) return "gone";
  if (copies.file !== null && newest !== copies.file) {
    return {
      reason: `Redis has a newer copy of it (${newest.status}); \`ttsctl verify --repair\` copies it to the file`,
    };
  }
  const isChosen = copyPasses(newest, filter);
  // An earlier mark may have been stopped between the file and Redis, whose older copy was chosen.
  if (newest.status === shown && (typeof error !== "string" || !isChosen)) return "unchanged";
  return isChosen ? "mark" : { reason: notChosen(copies, newest) };
}

const CHANGED = "its copy in Redis changed during the run and is kept";
const LOST = "the connection to Redis was lost, so whether it is marked there is unknown";

function changedIn({ row }: Target): string {
  return row < 0 ? CHANGED : `${CHANGED}; the file has the mark`;
}
