import { TtsctlError, throwIfInterrupted } from "../../errors.ts";
import { batches } from "../../pool.ts";
import { matchingRows, rowFilter } from "../../store/file/file-tasks.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { KeySet, KeyTable } from "../../store/key-table.ts";
import { type MirrorState, MirrorUse, redisDisabled, type SourceChoice } from "../../store/mirror-link.ts";
import { BATCH } from "../../store/redis/copies.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import { readRecords } from "../../store/redis/records.ts";
import type { TaskId } from "../../store/task-source.ts";
import { invalidWarnings } from "../../store/task-store.ts";
import { givenName, NO_FILTER, passes } from "../../task/query-fields.ts";
import { saysDeleted, type Task } from "../../task/task.ts";
import { newer, sameInstant } from "../../task/version.ts";
import type { Parts } from "../parts.ts";
import { indexMembers } from "../purge/survey.ts";
import { NamedWarnings } from "../reporter.ts";
import { checkFileLayout, storeMismatch } from "../safety.ts";
import type { Selection } from "../select.ts";

interface ExportParts extends Parts<"file" | "mirror" | "reporter" | "signal"> {
  write(tasks: readonly Task[]): Promise<void>;
}

export interface ExportOptions extends Pick<Selection, "filter" | "ids"> {
  readonly source: SourceChoice;
  /** As JSON Lines, in which a record with `deleted` would delete its task. */
  readonly asLines: boolean;
}

export type ExportResult = Awaited<ReturnType<typeof exportTasks>>;

/**
 * Writes the newer copy of each task, in batches: tasks of the file in its order, then Redis-only tasks, oldest first; ids as given.
 * @throws TtsctlError LAYOUT_MISMATCH, INTERRUPTED, STORE_*, REDIS_* if Redis is the forced source
 */
export async function exportTasks(parts: ExportParts, options: ExportOptions) {
  const { reporter, signal } = parts;
  const use = mirrorOf(parts.mirror, options.source);
  await using snapshot = options.source === "redis" ? null : await parts.file.read();
  const run = new ExportRun(parts, options, snapshot, use);
  if (snapshot !== null) {
    await checkFileLayout(snapshot, use.mirror);
    const mismatch = await use.ask((mirror) => storeMismatch(snapshot, mirror));
    if (mismatch) reporter.warn(`${mismatch.message}, so all of both are exported: choose one with --source`);
    for (const line of invalidWarnings(snapshot)) reporter.warn(line);
  }
  const missing = snapshot?.exists === false ? missingFile(snapshot.path) : null;
  if (missing !== null && use.mirror === null) throw missing;
  await run.run();
  throwIfInterrupted(signal, "the export is incomplete");
  const problem = use.lost ?? missing; // why Redis-only or file-only tasks are missing
  if (missing !== null && run.result.fromRedis === 0) throw problem;
  return { ...run.result, problem };
}

function mirrorOf(state: MirrorState, source: SourceChoice): MirrorUse {
  if (source === "redis" && state.kind === "off") throw redisDisabled();
  if (source === "redis" && state.kind === "down") throw state.error;
  return new MirrorUse(source === "file" ? { kind: "off" } : state);
}

/** An empty export isn't a backup of a missing file. */
function missingFile(path: string): TtsctlError {
  const hint = "nothing was exported; check --store, [store] path and the mount";
  return new TtsctlError("STORE_EMPTY", `${path} is missing`, { hint });
}

class ExportRun {
  readonly #failures: NamedWarnings;
  /** Copies in Redis that can't be read: of a task that the file has, the file's record is exported. */
  readonly #unread: NamedWarnings;
  #done = 0;
  /** Missing: chosen ids that are in neither store; dangling: index members without a task. */
  readonly result = { fromFile: 0, fromRedis: 0, missing: [] as string[], dangling: 0, failed: 0 };
  /** The tasks of the file with another time in Redis's index. */
  readonly #differing: KeySet;
  /** The members of Redis's index that the file lacks, and their times. */
  readonly #onlyInRedis: KeyTable;
  readonly #times: number[] = [];

  constructor(
    private readonly parts: ExportParts,
    private readonly options: ExportOptions,
    private readonly snapshot: Snapshot | null,
    private readonly use: MirrorUse,
  ) {
    this.#failures = new NamedWarnings(parts.reporter, "was not exported");
    this.#unread = new NamedWarnings(parts.reporter, "was not exported from Redis");
    this.#differing = new KeySet(snapshot?.rows.keys.size ?? 0);
    this.#onlyInRedis = new KeyTable(parts.file.rules.memberRanks);
  }

  async run(): Promise<void> {
    const { ids } = this.options;
    await (ids === null ? this.#all() : this.#byIds(ids));
    this.#failures.end();
    this.#unread.end();
    this.result.failed = this.#failed;
  }

  get #failed(): number {
    return this.#failures.count + this.#unread.count;
  }

  async #all(): Promise<void> {
    const { users } = this.options.filter;
    for (const userId of users.size === 0 ? [undefined] : users) {
      await this.#ask((mirror) => this.#readIndex(mirror, userId));
    }
    for (const rows of batches(this.#rows(), BATCH)) {
      if (this.parts.signal.aborted) return;
      const tasks = await this.snapshot!.readTasks(rows);
      const differing = tasks.filter((_, i) => this.#differs(rows[i]!));
      const copies = await this.#read(differing, differing);
      const copyOf = new Map(differing.map((task, i) => [task, copies[i]]));
      await this.#write(tasks.map((task) => [task, copyOf.get(task)]));
      this.#progress(rows.length);
    }
    for (const ids of batches(this.#oldestFirst(), BATCH)) {
      if (this.parts.signal.aborted || this.use.mirror === null) return;
      const failed = this.#failed;
      const found = (await this.#read(ids)).filter((task) => task !== undefined);
      if (this.use.mirror !== null) this.result.dangling += ids.length - found.length - (this.#failed - failed);
      await this.#write(found.map((task) => [null, task]));
      this.#progress(ids.length);
    }
  }

  async #byIds(chosen: readonly TaskId[]): Promise<void> {
    for (const ids of batches(chosen, BATCH)) {
      const inFile = this.snapshot === null ? [] : await this.snapshot.recordsOf(ids);
      const inRedis = await this.#read(ids, inFile);
      const failed = this.#failed;
      await this.#write(ids.map((_, i) => [inFile[i], inRedis[i]]));
      if (this.#failed > failed) continue;
      const missing = ids.filter((_, i) => inFile[i] == null && inRedis[i] === undefined);
      this.result.missing.push(...missing.map((id) => givenName(id, this.options.filter)));
    }
  }

  async #readIndex(mirror: Mirror, userId: string | undefined): Promise<void> {
    const rows = this.snapshot?.rows;
    for await (const members of indexMembers(mirror, userId)) {
      for (const { userId, taskId, score } of members) {
        const row = this.snapshot?.rowOf(userId, taskId) ?? -1;
        if (row < 0) this.#times[this.#onlyInRedis.addId(userId, taskId)] = score;
        else if (!sameInstant(rows!.score(row), score)) this.#differing.add(rows!.key(row));
      }
      if (this.parts.signal.aborted) return;
    }
  }

  #differs(row: number): boolean {
    return this.#differing.has(this.snapshot!.rows.key(row));
  }

  /** The rows that pass the filter, or whose other copy may pass. */
  #rows(): number[] {
    const { filter } = this.options;
    if (this.snapshot === null) return [];
    const wanted = rowFilter(this.snapshot, filter);
    const theirs = [...matchingRows(this.snapshot, { ...NO_FILTER, users: filter.users })];
    return theirs.filter((row) => wanted(row) || this.#differs(row));
  }

  *#oldestFirst(): Generator<TaskId> {
    const order = Int32Array.from({ length: this.#onlyInRedis.size }, (_, key) => key);
    order.sort((a, b) => this.#times[a]! - this.#times[b]! || this.#onlyInRedis.compare(a, b));
    for (const key of order) yield this.#onlyInRedis.id(key);
  }

  /** Redis's copies; undefined if missing or unreadable, and after a failure of Redis. */
  async #read(ids: readonly TaskId[], ours: readonly (Task | null)[] = []): Promise<(Task | undefined)[]> {
    if (ids.length === 0) return [];
    const copies = await this.#ask((mirror) => readRecords(mirror, ids, ours));
    return ids.map((id, i) => {
      const copy = copies?.[i];
      if (!(copy instanceof TtsctlError)) return copy;
      this.#unread.add(id, copy.message);
      return undefined;
    });
  }

  /** Writes the newer of each pair of copies, if it passes. */
  async #write(pairs: readonly (readonly [file: Task | null | undefined, redis: Task | undefined])[]): Promise<void> {
    const chosen: Task[] = [];
    for (const [file, redis] of pairs) {
      const isNewer = file == null || (redis !== undefined && newer(redis.score, file.score));
      const task = isNewer ? redis : file;
      if (task === undefined || !passes(task, this.options.filter)) continue;
      if (this.options.asLines && saysDeleted(task.json)) {
        this.#failures.add(task, 'its "deleted" field would delete the task in JSON Lines; use -o json or -o csv');
        continue;
      }
      chosen.push(task);
      this.result[task === file ? "fromFile" : "fromRedis"]++;
    }
    await this.parts.write(chosen);
  }

  /** After a failure of Redis only the file is exported, unless Redis is the forced source. */
  #ask<T>(work: (mirror: Mirror) => Promise<T>): Promise<T | undefined> {
    return this.snapshot === null ? work(this.use.mirror!) : this.use.ask(work);
  }

  #progress(count: number): void {
    this.#done += count;
    const total = (this.snapshot?.size ?? 0) + this.#onlyInRedis.size;
    this.parts.reporter.progress("exporting", this.#done, total);
  }
}
