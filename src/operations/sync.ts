import { TtsctlError, throwIfInterrupted } from "../errors.ts";
import { batches, fillIn, IN_FLIGHT, pool } from "../pool.ts";
import { matchingRows } from "../store/file/file-tasks.ts";
import { CurrentFile } from "../store/file/shared-snapshot.ts";
import type { RowWindow, Snapshot } from "../store/file/snapshot.ts";
import { KeySet, KeyTable } from "../store/key-table.ts";
import { NO_COPY, type RedisCopy, sameContent } from "../store/layout/copy.ts";
import { drainOwed } from "../store/mirror-writer.ts";
import { BATCH, type Outcome } from "../store/redis/copies.ts";
import { isFatal } from "../store/redis/errors.ts";
import type { Mirror } from "../store/redis/mirror.ts";
import { idOfMember, isUnsure } from "../store/redis/walk.ts";
import { decideWrite, type WriteOutcome, writeToMirror } from "../store/redis/write.ts";
import type { TaskId } from "../store/task-source.ts";
import { invalidWarnings } from "../store/task-store.ts";
import { WrittenCopies } from "../store/written-copies.ts";
import { counted } from "../task/amounts.ts";
import { ofUser } from "../task/query-fields.ts";
import { sameInstant } from "../task/version.ts";
import { checkBrake, type MaxDelete } from "./brake.ts";
import type { RedisParts } from "./parts.ts";
import { bothOf, preflight } from "./preflight.ts";
import { pruneOrphans } from "./prune.ts";
import { NamedWarnings } from "./reporter.ts";
import { LEAST_STRANGE, storeEmpty } from "./safety.ts";
import { beginMark, type LeaveMark, lostMidway } from "./sync-mark.ts";

export interface SyncOptions {
  readonly userId?: string;
  readonly dryRun: boolean;
  /** Compare whole records, and at an equal time write the file's. */
  readonly checksum: boolean;
  /** Delete Redis-only tasks. */
  readonly prune: boolean;
  readonly maxDelete: MaxDelete;
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
export async function sync(parts: SyncParts, options: SyncOptions): Promise<SyncOutcome> {
  const started = parts.clock.monotonic();
  await using file = new CurrentFile(parts.file);
  const asked = { ...options, snapshot: await file.snapshot(), least: options.prune ? 0 : LEAST_STRANGE };
  const cleared = { ...parts, ...bothOf(await preflight(parts, "sync", asked)) };
  if (!options.dryRun) await drainOwed(cleared, cleared.mirror);
  const run = new SyncRun(cleared, options, file, asked.snapshot);
  await run.list();
  if (options.prune) await run.confirmPrune();
  run.warn();
  await run.push();
  if (options.prune) await run.prune();
  await run.leaveMark();
  return { ...run.result, durationMs: Math.round((parts.clock.monotonic() - started) * 1000) };
}

/** A record that is younger than this may have changed again within the same whole second. */
const LATELY_S = 60;

const COUNTED = { written: "written", reindexed: "written", unchanged: "unchanged", newer: "newerInRedis" } as const;

/** How many tasks are pushed in one call, which blocks Redis. */
const WRITES = BATCH / 2;

interface Batch {
  readonly rows: readonly number[];
  readonly window: RowWindow;
}

type ClearedParts = SyncParts & ReturnType<typeof bothOf>;

class SyncRun {
  readonly #failures: NamedWarnings;
  /** Whether tasks that were in sync when they were listed are skipped. */
  #trustsListing = true;
  #unanswered = 0;
  /** Rows of the snapshot that is pushed. */
  #written: KeySet;
  #listed!: ListedFile;
  #leaveMark: LeaveMark | null = null;
  readonly #began: number;
  readonly result: SyncOutcome;

  constructor(
    private readonly parts: ClearedParts,
    private readonly options: SyncOptions,
    private readonly file: CurrentFile,
    private snapshot: Snapshot,
  ) {
    this.#written = new KeySet(snapshot.rows.size);
    this.#began = parts.clock.now();
    this.#failures = new NamedWarnings(parts.reporter, "was not synchronised");
    this.result = nothingSynced(snapshot.invalid.count, options.dryRun);
  }

  async list(): Promise<void> {
    const { mirror, signal } = this.parts;
    if (!this.options.prune) await this.#beginMark(); // a prune may be refused yet
    this.#listed = await ListedFile.read(this.snapshot, mirror, this.options.userId, signal);
    await this.#catchUp();
  }

  /** A sync of a part of the file leaves no mark. */
  async #beginMark(): Promise<void> {
    const { userId, dryRun } = this.options;
    if (userId === undefined && !dryRun) this.#leaveMark = await beginMark(this.parts.mirror, this.parts.clock);
  }

  /** Both stores may change before the answer, so both are read again. @throws TtsctlError STORE_EMPTY, MAX_DELETE_EXCEEDED */
  async confirmPrune(): Promise<void> {
    this.#refuseUnsafePrune();
    if (!this.options.dryRun && this.#listed.orphans.size > 0) {
      await this.parts.confirm(this.#listed.orphans.size);
      await this.#catchUp();
      this.#refuseUnsafePrune();
    }
    this.#trustsListing = false;
    await this.#beginMark();
  }

  #refuseUnsafePrune(): void {
    const { allowEmpty, maxDelete } = this.options;
    const isEmpty = this.snapshot.size === 0 && !allowEmpty;
    if (isEmpty) throw storeEmpty(this.snapshot, ": nothing was pruned, and nothing was written");
    checkBrake(this.#listed.orphans.size, this.#listed.members, maxDelete);
  }

  async #catchUp(): Promise<void> {
    const current = await this.file.snapshot();
    if (current === this.snapshot) return;
    this.snapshot = current;
    this.#listed = this.#listed.beside(current);
    this.#written = new KeySet(current.rows.size);
    this.result.invalid = current.invalid.count;
  }

  async push(): Promise<void> {
    try {
      await pool(this.#batches(), IN_FLIGHT, (batch) => this.#pushBatch(batch), this.parts.signal);
      this.#showProgress();
      await this.#followFile();
    } catch (error) {
      throwIfInterrupted(this.parts.signal, this.#progressText());
      const unknown = this.#unanswered === 0 ? "" : `, ${this.#unanswered} are unknown`;
      throw error instanceof TtsctlError ? lostMidway(error, "sync", `${this.#progressText()}${unknown}`) : error;
    }
    this.#failures.end();
    this.result.orphans = this.#listed.orphans.size;
    throwIfInterrupted(this.parts.signal, this.#progressText());
  }

  /** Follows tasks that the service deleted or changed in both stores between our read and our write. */
  async #followFile(): Promise<void> {
    const { file, mirror } = this.parts;
    if (this.#written.size === 0 || (await file.isCurrent(this.snapshot))) return;
    await using current = new CurrentFile(file);
    const written = new WrittenCopies();
    const [before, now] = [this.snapshot.rows, await current.snapshot()];
    // Records of the last minute may have changed without another time.
    const mayHaveMoved = (row: number) => {
      const { userId, taskId } = this.snapshot.idOf(row);
      const [score, there] = [before.score(row), now.rowOf(userId, taskId)];
      if (there < 0 || now.rows.score(there) !== score || now.rows.status(there) !== before.status(row)) return true;
      return score > this.#began - LATELY_S;
    };
    for (const rows of batches(this.#written, BATCH)) {
      for (const task of await this.snapshot.readTasks(rows.filter(mayHaveMoved))) written.note(task);
    }
    await written.follow(mirror, current);
  }

  /** Sorted by time, because Redis inserts neighbours into an index faster. */
  *#batches(): Generator<Batch> {
    const { rows: table } = this.snapshot;
    for (const window of this.snapshot.windows(this.#rowsToPush())) {
      const sorted = window.rows.toSorted((a, b) => table.score(a) - table.score(b));
      for (const rows of batches(sorted, WRITES)) yield { rows, window };
    }
  }

  *#rowsToPush(): Generator<number> {
    const trusts = this.#trustsListing && !this.options.checksum;
    for (const row of matchingRows(this.snapshot, ofUser(this.options.userId))) {
      if (trusts && this.#listed.isInStep(this.snapshot.rows.key(row))) {
        this.result.unchanged++;
        if (++this.result.total % BATCH === 0) this.#showProgress();
      } else yield row;
    }
  }

  #showProgress(): void {
    this.parts.reporter.progress("syncing", this.result.total, this.snapshot.size);
  }

  async prune(): Promise<void> {
    const { orphans } = this.#listed;
    this.result.pruned = orphans.size;
    if (!this.options.dryRun) {
      const how = { ids: orphans.ids(), count: orphans.size, action: "prune", reason: "orphan" } as const;
      const { pruned, failed } = await pruneOrphans(this.parts, how);
      this.result.pruned = pruned;
      this.result.failedToPrune = failed;
    }
    const pruned = counted(this.result.pruned, "Redis-only task");
    throwIfInterrupted(this.parts.signal, `${this.#progressText()}, ${pruned} pruned`);
  }

  async leaveMark(): Promise<void> {
    if (this.result.failed === 0) await this.#leaveMark?.("sync", this.snapshot);
  }

  warn(): void {
    const { reporter } = this.parts;
    const { exists, path } = this.snapshot;
    if (!exists) reporter.warn(`${path} does not exist: there is nothing to push; check --store and the mount`);
    for (const line of invalidWarnings(this.snapshot)) reporter.warn(line);
    if (this.options.prune && !this.options.dryRun) return; // each is named then
    const unsure = [...this.#listed.orphans.ids()].filter(({ userId, taskId }) => isUnsure(userId) || isUnsure(taskId));
    if (unsure.length === 0) return;
    reporter.warn(
      `${counted(unsure.length, "Redis-only task")} with a name that may not be UTF-8: --prune can't remove such a name (docs/runbook.md)`,
    );
  }

  async #pushBatch({ rows, window }: Batch): Promise<void> {
    const copies = await this.#copiesOf(rows);
    const outcomes = await fillIn(
      [...rows.keys()],
      (i) => {
        const copy = copies[i]!;
        if (copy instanceof TtsctlError) return copy;
        const decision = decideWrite(this.snapshot.rows.score(rows[i]!), copy, this.parts.mirror);
        const isSettled = decision === "newer" || (decision === "unchanged" && !this.options.checksum);
        return isSettled ? decision : undefined; // the record is needed
      },
      (left) => {
        const known = left.map((i) => copies[i] as RedisCopy);
        return this.#write({ rows: left.map((i) => rows[i]!), window }, known);
      },
    );
    for (const outcome of outcomes) {
      if (outcome instanceof TtsctlError && isFatal(outcome)) continue;
      this.result.total++;
      this.result[outcome instanceof TtsctlError ? "failed" : COUNTED[outcome]]++;
    }
    this.#failures.addErrors(outcomes, (i) => this.snapshot.idOf(rows[i]!));
    this.#showProgress();
  }

  /** Tasks that the index lacked count as new: if a copy was written since, the write is refused and the copy read. */
  async #copiesOf(rows: readonly number[]): Promise<Outcome<RedisCopy>[]> {
    const { dryRun, checksum } = this.options;
    const own = (row: number) => (dryRun || this.#listed.isMember(this.snapshot.rows.key(row)) ? undefined : NO_COPY);
    return fillIn<number, Outcome<RedisCopy>>(rows, own, async (known) => {
      const { mirror } = this.parts;
      const ids = known.map((row) => this.snapshot.idOf(row));
      const full = checksum ? await mirror.copies(ids, "full") : [];
      if (checksum && !dryRun) return full;
      // A full view leaves out the errors of keys of another type, on which the write fails.
      const copies = await mirror.copies(ids, "scores");
      return copies.map((copy, i) => (copy instanceof TtsctlError ? copy : (full[i] ?? copy)));
    });
  }

  async #write({ rows, window }: Batch, copies: readonly RedisCopy[]): Promise<Outcome<WriteOutcome>[]> {
    const { mirror } = this.parts;
    const { checksum, dryRun } = this.options;
    const tasks = await window.tasks(rows);
    if (dryRun) {
      return tasks.map((task, i) => {
        const copy = copies[i]!;
        return decideWrite(task.score, copy, mirror, checksum && !sameContent(copy, task, mirror));
      });
    }
    this.#unanswered += tasks.length;
    const outcomes = await writeToMirror(mirror, tasks, { copies, overEqual: checksum });
    this.#unanswered -= tasks.length;
    rows.forEach((row, i) => {
      if (outcomes[i] === "written") this.#written.add(row);
    });
    return outcomes;
  }

  #progressText(): string {
    return `${this.result.written} of ${this.snapshot.size} tasks were written`;
  }
}

const [ABSENT, LISTED, IN_STEP] = [0, 1, 2];

/** A content of the file compared with a listing of the global index, or of a user's. */
class ListedFile {
  readonly #places: Uint8Array;
  /** Members without a record in the file, valid or not. */
  readonly orphans = new KeyTable();

  private constructor(private readonly snapshot: Snapshot) {
    this.#places = new Uint8Array(snapshot.rows.keys.size);
  }

  /** Lists an index. @throws TtsctlError REDIS_*, INTERRUPTED */
  static async read(snapshot: Snapshot, mirror: Mirror, userId: string | undefined, signal: AbortSignal) {
    const listed = new ListedFile(snapshot);
    for await (const { flat, times } of mirror.walkCopies(userId)) {
      throwIfInterrupted(signal, "nothing was written");
      for (let i = 0; i < flat.length / 2; i++) {
        const member = flat[2 * i]!;
        const id = idOfMember(member, userId, mirror.layout);
        const key = snapshot.keyOf(id);
        const time = key < 0 || times === null || isUnsure(member) ? "" : times[i]!;
        const at = time === "" ? Number.NaN : sameMoment(Number(flat[2 * i + 1]), mirror.parser.times.ofHash(time));
        listed.#note(key, id, at);
      }
    }
    return listed;
  }

  /** The same listing compared with another content of the file. */
  beside(snapshot: Snapshot): ListedFile {
    const other = new ListedFile(snapshot);
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
    if (key < 0) this.orphans.addId(userId, taskId);
    else this.#places[key] = at === this.#scoreOf(key) ? IN_STEP : LISTED;
  }

  #scoreOf(key: number): number {
    const row = this.snapshot.rows.liveRow(key);
    return row < 0 ? Number.NaN : this.snapshot.rows.score(row);
  }
}

/** The score of a member if its hash has the same time; else NaN. */
function sameMoment(score: number, time: number): number {
  return score === time || sameInstant(score, time) ? score : Number.NaN;
}
