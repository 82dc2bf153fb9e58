import type { Clock } from "../clock.ts";
import { TtsctlError, throwIfInterrupted, valueIf } from "../errors.ts";
import { batches, fillIn, IN_FLIGHT, pool } from "../pool.ts";
import { matchingRows } from "../store/file/file-tasks.ts";
import { LATELY_S } from "../store/file/last-writer.ts";
import { CurrentFile } from "../store/file/shared-snapshot.ts";
import type { RowWindow, Snapshot } from "../store/file/snapshot.ts";
import { KeySet, KeyTable } from "../store/key-table.ts";
import { isNothing, NO_COPY, type RedisCopy } from "../store/layout/copy.ts";
import { BATCH, type GuardedRemoval, type Outcome } from "../store/redis/copies.ts";
import { isFatal, isWrongType } from "../store/redis/errors.ts";
import { LEAST_STRANGE, type Mirror } from "../store/redis/mirror.ts";
import { idOfMember, isUnsure } from "../store/redis/walk.ts";
import { decideWrite, type WriteOutcome, writeToMirror } from "../store/redis/write.ts";
import { doubtsOf, fileWarnings } from "../store/task-store.ts";
import { WrittenCopies } from "../store/written-copies.ts";
import { counted } from "../task/amounts.ts";
import type { TaskId } from "../task/ids.ts";
import { ofUser } from "../task/query-fields.ts";
import { formatUtc } from "../task/time.ts";
import { sameInstant } from "../task/version.ts";
import type { MaxDelete } from "./brake.ts";
import type { LedgerAction } from "./ledger.ts";
import type { Parts, RedisParts } from "./parts.ts";
import { bothOf, type Cleared, preflight } from "./preflight.ts";
import { NamedWarnings } from "./reporter.ts";
import { checkPrune } from "./safety.ts";

export interface SyncOptions {
  readonly userId?: string;
  readonly dryRun: boolean;
  /** Compare whole records, and at an equal time write the file's. */
  readonly checksum: boolean;
  /** Delete Redis-only tasks. */
  readonly prune: boolean;
  readonly maxDelete?: MaxDelete | undefined;
  /** Accept an empty store file. */
  readonly allowEmpty: boolean;
  /** Accept a Redis without a task of the file. */
  readonly allowMismatch?: boolean;
}

/** `sync -o json` (docs/contract.md, Commands): total = written + unchanged + newerInRedis + failed. */
function nothingSynced(invalid: number, dryRun: boolean) {
  const pushed = { total: 0, written: 0, unchanged: 0, newerInRedis: 0, failed: 0, invalid };
  return { ...pushed, orphans: 0, pruned: 0, failedToPrune: 0, dryRun, durationMs: 0 };
}

export type SyncOutcome = ReturnType<typeof nothingSynced>;
export type SyncResult = Omit<SyncOutcome, "failedToPrune">;

export interface SyncParts extends RedisParts<"file" | "clock" | "reporter" | "signal" | "ledger"> {
  /** Asks before tasks are pruned; throws if declined. */
  confirm(count: number): Promise<void>;
}

/**
 * Pushes the store file to Redis. The file is read again after Redis was listed, so a task that the service creates during the run isn't
 * an orphan. The caller holds the run lock. @throws TtsctlError STORE_*, *_MISMATCH, REDIS_*, MAX_DELETE_EXCEEDED before the first deletion
 */
export async function sync(asked: SyncParts, options: SyncOptions): Promise<SyncOutcome> {
  const started = asked.clock.monotonic();
  const { userId, dryRun, prune, checksum } = options;
  await using file = new CurrentFile(asked.file);
  let snapshot = await file.snapshot();
  const question = { ...options, snapshot, least: prune ? 0 : LEAST_STRANGE };
  const began = asked.clock.now(); // before owed deletions are made, which may take long
  const parts = { ...asked, ...bothOf(await preflight(asked, "sync", question)) };
  const { clock, mirror, reporter, signal } = parts;

  const result = nothingSynced(snapshot.invalid.count, dryRun);
  const failures = new NamedWarnings(reporter, "was not synchronised");
  let unanswered = 0;
  let written = new KeySet(snapshot.rows.size); // rows of the snapshot that is pushed
  const progressText = () => `${result.written} of ${snapshot.size} tasks were written`;
  const showProgress = () => reporter.progress("syncing", result.total, snapshot.size);
  // A sync of a part of the file leaves no mark; a prune may be refused yet.
  const begin = () => (userId === undefined && !dryRun ? beginMark(mirror, clock) : null);
  let leaveMark = prune ? null : await begin();
  let listed = await ListedFile.read({ ...parts, snapshot }, userId);
  const mayLackTasks = () => doubtsOf(mirror, userId).catch(valueIf(isWrongType, null)); // the mark is written again
  if (prune || (await mayLackTasks()) !== null) await listed.addHashes(mirror, userId);
  await catchUp();
  if (prune) {
    // Both stores may change before the answer, so both are read again.
    checkPrune(snapshot, listed.orphans.size, listed.members, options);
    if (!dryRun && listed.orphans.size > 0) {
      await parts.confirm(listed.orphans.size);
      await catchUp();
      checkPrune(snapshot, listed.orphans.size, listed.members, options);
    }
    leaveMark = await begin();
  }
  warn();
  await push();
  if (prune) {
    const { orphans } = listed;
    const how = { ids: orphans.ids(), count: orphans.size, action: "prune", reason: "orphan" } as const;
    const { pruned, failed } = dryRun
      ? { pruned: result.orphans, failed: result.failedToPrune }
      : await pruneOrphans(parts, how);
    Object.assign(result, { pruned, failedToPrune: failed });
    throwIfInterrupted(signal, `${progressText()}, ${counted(pruned, "Redis-only task")} pruned`);
  }
  if (result.failed === 0) await leaveMark?.("sync", snapshot);
  return { ...result, durationMs: Math.round((clock.monotonic() - started) * 1000) };

  async function catchUp(): Promise<void> {
    const current = await file.snapshot();
    if (current === snapshot) return;
    snapshot = current;
    listed = listed.beside(current);
    written = new KeySet(current.rows.size);
    result.invalid = current.invalid.count;
  }

  function warn(): void {
    for (const line of fileWarnings(snapshot)) reporter.warn(line);
    if (prune && !dryRun) return; // each is named then
    const unsure = [...listed.orphans.ids()].filter((id) => isUnsure(id.userId) || isUnsure(id.taskId));
    if (unsure.length === 0) return;
    reporter.warn(
      `${counted(unsure.length, "Redis-only task")} with a name that may not be UTF-8: --prune can't remove such a name (docs/runbook.md)`,
    );
  }

  async function push(): Promise<void> {
    try {
      await pool(snapshot.pieces(rowsToPush(), WRITES, "by time"), IN_FLIGHT, pushBatch, signal);
      showProgress();
      await followFile();
      const { there, stuck } = prune && !dryRun ? { there: listed.orphans.size, stuck: 0 } : await countOrphans();
      result.orphans = prune ? listed.orphans.size - stuck : there;
      result.failedToPrune = prune ? stuck : 0;
    } catch (error) {
      throwIfInterrupted(signal, progressText());
      const unknown = unanswered === 0 ? "" : `, ${unanswered} are unknown`;
      throw error instanceof TtsctlError ? lostMidway(error, "sync", `${progressText()}${unknown}`) : error;
    }
    failures.end();
    throwIfInterrupted(signal, progressText());
  }

  /** An index may also list what has no hash; a key of another type is not a task. */
  async function countOrphans() {
    const counts = { there: 0, stuck: 0 };
    for (const ids of batches(listed.orphans.ids(), BATCH)) {
      if (signal.aborted) break;
      const copies = await mirror.copies(ids, "state");
      for (const [i, copy] of copies.entries()) {
        if (copy instanceof TtsctlError && isWrongType(copy)) {
          failures.add(ids[i]!, FOREIGN);
          counts.stuck++;
        } else if (copy instanceof TtsctlError || copy.type !== "none") counts.there++;
      }
    }
    return counts;
  }

  /** Follows tasks that the service deleted or changed in both stores between our read and our write. */
  async function followFile(): Promise<void> {
    if (dryRun || written.size === 0 || (await parts.file.isCurrent(snapshot))) return;
    await using current = new CurrentFile(parts.file);
    const copies = new WrittenCopies();
    const [before, now] = [snapshot.rows, await current.snapshot()];
    // Records of the last minute may have changed without another time.
    const mayHaveMoved = (row: number) => {
      const [score, there] = [before.score(row), now.rowOf(snapshot.idOf(row))];
      if (there < 0 || now.rows.score(there) !== score || now.rows.status(there) !== before.status(row)) return true;
      return score > began - LATELY_S;
    };
    for (const rows of batches(written, BATCH)) {
      for (const task of await snapshot.readTasks(rows.filter(mayHaveMoved))) copies.note(task);
    }
    await copies.follow(mirror, current);
  }

  /** Tasks that were in sync when they were listed are skipped, unless a prune asked since. */
  function* rowsToPush(): Generator<number> {
    for (const row of matchingRows(snapshot, ofUser(userId))) {
      if (!prune && !checksum && listed.isInStep(snapshot.rows.key(row))) {
        result.unchanged++;
        if (++result.total % BATCH === 0) showProgress();
      } else yield row;
    }
  }

  async function pushBatch(window: RowWindow): Promise<void> {
    const { rows } = window;
    const copies = await copiesOf(rows);
    const outcomes = await fillIn<number, Outcome<WriteOutcome>>(
      [...rows.keys()],
      (i) => {
        const copy = copies[i]!;
        if (copy instanceof TtsctlError) return copy;
        const decision = decideWrite(snapshot.rows.score(rows[i]!), copy, mirror);
        const isSettled = decision === "newer" || (decision === "unchanged" && !checksum);
        return isSettled ? decision : undefined; // the record is needed
      },
      async (left) => {
        const due = left.map((i) => rows[i]!);
        const tasks = await window.tasks(due);
        unanswered += tasks.length;
        const options = { copies: left.map((i) => copies[i]!), overEqual: checksum, dryRun };
        const found = await writeToMirror(mirror, tasks, options);
        unanswered -= tasks.length;
        due.forEach((row, at) => void (found[at] === "written" && written.add(row)));
        return found;
      },
    );
    for (const outcome of outcomes) {
      if (outcome instanceof TtsctlError && isFatal(outcome)) continue;
      result.total++;
      result[outcome instanceof TtsctlError ? "failed" : COUNTED[outcome]]++;
    }
    failures.addErrors(outcomes, (i) => snapshot.idOf(rows[i]!));
    showProgress();
  }

  /** Tasks that the index lacked count as new: if a copy was written since, the write is refused and the copy read. */
  async function copiesOf(rows: readonly number[]): Promise<Outcome<RedisCopy>[]> {
    const own = (row: number) => (dryRun || listed.isMember(snapshot.rows.key(row)) ? undefined : NO_COPY);
    return fillIn<number, Outcome<RedisCopy>>(rows, own, async (known) => {
      const ids = known.map((row) => snapshot.idOf(row));
      const full = checksum ? await mirror.copies(ids, "full") : [];
      if (checksum && !dryRun) return full;
      // A full view leaves out the errors of keys of another type, on which the write fails.
      const copies = await mirror.copies(ids, "scores");
      return copies.map((copy, i) => (copy instanceof TtsctlError ? copy : (full[i] ?? copy)));
    });
  }
}

const COUNTED = { written: "written", reindexed: "written", unchanged: "unchanged", newer: "newerInRedis" } as const;

/** How many tasks are pushed in one call, which blocks Redis. */
const WRITES = BATCH / 2;

const [ABSENT, LISTED, IN_STEP] = [0, 1, 2];

type ListingParts = Pick<Cleared, "isOwed"> & RedisParts<"signal"> & { readonly snapshot: Snapshot };

/** A content of the file compared with a listing of the global index, or of a user's. */
class ListedFile {
  readonly #places: Uint8Array;
  /** Members without a record in the file, valid or not, but for those that a run first deletes. */
  readonly orphans = new KeyTable();

  private constructor(
    private readonly snapshot: Snapshot,
    private readonly isOwed: Cleared["isOwed"],
  ) {
    this.#places = new Uint8Array(snapshot.rows.keys.size);
  }

  /** Lists an index. @throws TtsctlError REDIS_*, INTERRUPTED */
  static async read(parts: ListingParts, userId: string | undefined) {
    const { snapshot, mirror, signal, isOwed } = parts;
    const listed = new ListedFile(snapshot, isOwed);
    for await (const { flat, times } of mirror.walkCopies(userId)) {
      throwIfInterrupted(signal, "nothing was written");
      for (let i = 0; i < flat.length / 2; i++) {
        const member = flat[2 * i]!;
        const id = idOfMember(member, userId, mirror.layout);
        const key = snapshot.keyOf(id);
        const isKnown = key >= 0 && times !== null && times[i] !== "" && !isUnsure(member);
        const [score, time] = [Number(flat[2 * i + 1]), isKnown ? mirror.parser.times.ofHash(times[i]!) : Number.NaN];
        listed.#note(key, id, score === time || sameInstant(score, time) ? score : Number.NaN);
      }
    }
    return listed;
  }

  /** Adds the tasks that the index lacks. @throws TtsctlError REDIS_* */
  async addHashes(mirror: Mirror, userId: string | undefined): Promise<void> {
    for await (const ids of mirror.walkHashes(ofUser(userId).users)) {
      for (const id of ids) {
        const key = this.snapshot.keyOf(id);
        if (key < 0 || !this.isMember(key)) this.#note(key, id, Number.NaN);
      }
    }
  }

  /** The same listing compared with another content of the file. */
  beside(snapshot: Snapshot): ListedFile {
    const other = new ListedFile(snapshot, this.isOwed);
    const { keys } = this.snapshot.rows;
    for (let key = 0; key < this.#places.length; key++) {
      if (this.#places[key] === ABSENT) continue;
      const id = keys.id(key);
      other.#note(snapshot.keyOf(id), id, this.isInStep(key) ? this.#scoreOf(key) : Number.NaN);
    }
    for (const id of this.orphans.ids()) other.#note(snapshot.keyOf(id), id, Number.NaN);
    return other;
  }

  get members(): number {
    return this.orphans.size + this.#places.filter((place) => place !== ABSENT).length;
  }

  isMember(key: number): boolean {
    return this.#places[key] !== ABSENT;
  }

  /** Whether hash, both indexes and lookup agreed with the file. */
  isInStep(key: number): boolean {
    return this.#places[key] === IN_STEP;
  }

  /** If a member comes twice, the last counts. @param at the time of all parts of the copy; NaN if they differ */
  #note(key: number, { userId, taskId }: TaskId, at: number): void {
    if (key >= 0) this.#places[key] = at === this.#scoreOf(key) ? IN_STEP : LISTED;
    else if (!this.isOwed({ userId, taskId }, at)) this.orphans.addId(userId, taskId);
  }

  #scoreOf(key: number): number {
    const row = this.snapshot.rows.liveRow(key);
    return row < 0 ? Number.NaN : this.snapshot.rows.score(row);
  }
}

export interface Orphans {
  readonly ids: Iterable<TaskId>;
  readonly count: number;
  readonly action: LedgerAction;
  readonly reason: string;
  /** Removes only members without a hash: by now a hash is a task. */
  readonly membersOnly?: boolean;
  /** Called with each that wasn't removed. */
  onStayed?(id: TaskId): void;
}

/** Prunes Redis-only entries: each is looked up in the file again, and removed only if its copy hasn't changed. */
export async function pruneOrphans(
  parts: Parts<"reporter" | "signal" | "ledger"> & ReturnType<typeof bothOf>,
  { ids, count, action, reason, membersOnly = false, onStayed }: Orphans,
): Promise<{ pruned: number; failed: number }> {
  const { mirror, ledger, reporter, signal } = parts;
  const failures = new NamedWarnings(reporter, "could not be removed from Redis");
  await using file = new CurrentFile(parts.file);
  let pruned = 0;
  for (const batch of batches(ids, BATCH)) {
    if (signal.aborted) break;
    // The file is read after Redis: what the service writes in between, file first, is then in the file, or its copy has changed.
    const copies = await mirror.copies(batch, "state");
    const snapshot = await file.snapshot();
    const removals: GuardedRemoval[] = [];
    batch.forEach((id, i) => {
      const found = copies[i]!;
      const isKept = snapshot.holds(id);
      // Nothing has the name of a listed member if its name isn't UTF-8.
      const mayBeOther = isUnsure(id.userId) || isUnsure(id.taskId);
      const copy = mayBeOther && !(found instanceof TtsctlError) && isNothing(found) ? NOT_UTF8 : found;
      if (!isKept && copy instanceof TtsctlError) failures.add(id, isWrongType(copy) ? FOREIGN : copy.message);
      if (isKept || copy instanceof TtsctlError || (membersOnly && copy.type === "hash")) onStayed?.(id);
      else removals.push({ id, seen: copy });
    });
    const entries = removals.map(({ id }) => ({ ...id, reason }));
    await ledger?.announce(action, entries);
    const outcomes = await mirror.remove(removals);
    for (const [i, outcome] of outcomes.entries()) {
      if (outcome instanceof TtsctlError) failures.add(removals[i]!.id, outcome.message);
    }
    const stayed = removals.filter((_, i) => outcomes[i] !== true).map(({ id }) => id);
    await ledger?.stayed(stayed);
    for (const id of stayed) onStayed?.(id);
    pruned += removals.length - stayed.length;
    reporter.progress("pruning", pruned, count);
  }
  failures.end();
  return { pruned, failed: failures.count };
}

export const FOREIGN = "its key in Redis isn't a hash; check it, and remove it with redis-cli";
const NOT_UTF8 = new TtsctlError(
  "REDIS_FAILED",
  "its name there is not UTF-8: only ZREM can remove it (docs/runbook.md)",
);

/**
 * Called before a copy is read or written. What it returns leaves the mark that the mirror has every task of the file (`tts:ttsctl:synced`), and
 * counts the members of the indexes. After a flush since then it throws REDIS_FAILED.
 */
export async function beginMark(mirror: Mirror, clock: Clock) {
  const end = await mirror.beginSync();
  return async (what: "sync" | "verify --repair", snapshot: Snapshot) => {
    // Without counts, lists compare the index with the file.
    const isComplete = (await mirror.size(undefined)) >= snapshot.size;
    await mirror.recount(isComplete ? [undefined, ...usersIn(snapshot)] : [], true);
    if (await end(formatUtc(clock.now()))) return;
    const hint = `it was flushed or restarted; run \`ttsctl ${what}\` again`;
    throw new TtsctlError("REDIS_FAILED", `Redis at ${mirror.where} lost its data during the ${what}`, { hint });
  };
}

function* usersIn(snapshot: Snapshot): Generator<string> {
  const { keys } = snapshot.rows;
  const users = new KeyTable();
  for (const row of snapshot.liveRows()) {
    const { size } = users;
    if (users.addUserOf(keys, snapshot.rows.key(row)) === size) yield users.userId(size);
  }
}

/** The loss of Redis midway, with the progress until then. */
export function lostMidway(error: TtsctlError, command: "sync" | "verify", done: string): TtsctlError {
  const hint = error.hint ?? `run \`ttsctl ${command}\` again when Redis is back`;
  return new TtsctlError(error.code, `${error.message}; before that, ${done}`, { hint, cause: error });
}
