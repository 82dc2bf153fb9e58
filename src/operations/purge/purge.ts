import type { Artifacts, FolderOutcome, LogIndex } from "../../artifacts/artifacts.ts";
import { isPlainName } from "../../artifacts/plain-name.ts";
import { TtsctlError } from "../../errors.ts";
import type { FileStore } from "../../store/file/file-store.ts";
import { KeySet } from "../../store/file/key-set.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { BATCH, type Mirror, type SeenCopy } from "../../store/redis/mirror.ts";
import type { TaskId } from "../../store/task-source.ts";
import { batches, pool } from "../pool.ts";
import { NamedWarnings, type Reporter } from "../reporter.ts";
import type { BackupFile } from "./backup.ts";
import { type Copies, type Copy, fileCopy, mirrorCopy, sameFileCopy } from "./copies.ts";
import type { Decision } from "./decide.ts";
import { type Ending, Endings } from "./endings.ts";
import { LogOwners } from "./log-owners.ts";
import { PurgeMirror } from "./purge-mirror.ts";
import type { Survey } from "./survey.ts";

/** How many tasks' folders and logs are removed at once. */
const WIDTH = 16;

/** Files get the time of the kernel's last tick, 10 ms at 100 Hz, which may lie before a `now` that was read earlier. */
const TICK_S = 0.02;

/** One task that is gone, or in a dry run would be. */
export interface PurgedTask extends TaskId {
  /** Whether the file had it, and Redis. */
  readonly local: boolean;
  readonly redis: boolean;
  /** An index member without a hash, and nothing in the file. */
  readonly dangling: boolean;
  readonly files: number;
  readonly bytes: number;
}

export interface PurgeCounts {
  purged: number;
  failed: number;
  files: number;
  bytes: number;
  /** Tasks that were to go and stay. */
  kept: number;
  /** The tasks that are in neither store. */
  gone: TaskId[];
  /** Tasks that a service which holds the store in memory brought back. */
  returned: TaskId[];
  /** Why Redis was left out from some point on. */
  mirrorLost: TtsctlError | null;
}

export interface PurgeParts {
  readonly file: FileStore;
  readonly artifacts: Artifacts;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
  /** Null: the file and the artifacts alone. */
  readonly mirror: Mirror | null;
  readonly backup: BackupFile | null;
}

export interface PurgePolicy {
  /** Epoch seconds; one for the whole pass. */
  readonly now: number;
  /** Empty folders last changed before this go too. */
  readonly expireBefore: number;
  readonly dryRun: boolean;
  decide(copies: Copies): Decision;
  onPurged(task: PurgedTask): void;
  /** Waits until what onPurged was given is written. */
  drain(): Promise<void>;
  onKept?(id: TaskId, reason: string): void;
}

/** A task that was looked at: both copies, and Redis's exactly as it stood. */
interface Looked {
  readonly id: TaskId;
  readonly copies: Copies;
  readonly seen: SeenCopy | null;
}

/** Looked at, decided on, its artifacts gone. */
interface Removed extends Looked {
  readonly files: number;
  readonly bytes: number;
}

/**
 * Purges tasks by SPEC section 6: in bounded batches the backup, the conditional delete in the mirror, the artifacts;
 * at the end one conditional rewrite of the store file. The record in the file outlives everything else, so that
 * whatever stops a pass, the next one finds it and finishes.
 */
export class Purge {
  readonly #parts: PurgeParts;
  readonly #policy: PurgePolicy;
  /** What the pass began with: its rows name the tasks of the file throughout. */
  readonly #base: Snapshot;
  readonly #survey: Survey;
  readonly #owners: LogOwners;
  readonly #failures: NamedWarnings;
  readonly #skips: NamedWarnings;
  readonly #mirror: PurgeMirror;
  readonly #endings = new Endings();
  /** Tasks whose user shares the log with a task that stays. */
  #sharedLogs = 0;
  /** Artifacts later than this were written during the pass, and stay. Epoch seconds. */
  readonly #newest: number;
  #current: Snapshot;
  #logs: LogIndex | undefined;
  readonly counts: PurgeCounts = {
    ...{ purged: 0, failed: 0, files: 0, bytes: 0, kept: 0, gone: [], returned: [], mirrorLost: null },
  };

  constructor(parts: PurgeParts, policy: PurgePolicy, base: Snapshot, survey: Survey) {
    this.#parts = parts;
    this.#policy = policy;
    this.#base = base;
    this.#newest = policy.now - TICK_S;
    this.#current = base;
    this.#mirror = new PurgeMirror(parts.mirror, parts.reporter);
    this.#survey = survey;
    this.#owners = logOwners(base, survey);
    this.#failures = new NamedWarnings(parts.reporter, "was not purged");
    this.#skips = new NamedWarnings(parts.reporter, "stays");
  }

  /** How many tasks would go, by looking at both stores; nothing is changed. For the brake and the question. */
  async countPlanned(): Promise<number> {
    let planned = 0;
    for (const ids of this.#batches()) {
      const looked = await this.#look(ids, () => {}); // the run will tell
      for (const { copies } of looked) if (this.#policy.decide(copies).kind === "purge") planned++;
    }
    return planned;
  }

  /** Runs the pass. Whatever stops it, what was begun is ended. */
  async run(): Promise<void> {
    const { artifacts } = this.#parts;
    this.#logs = await artifacts.indexLogs((taskId) => this.#owners.isWanted(taskId));
    for (const reason of this.#logs.skipped) this.#parts.reporter.warn(`logs not looked at: ${reason}`);
    try {
      await this.#runBatches();
    } finally {
      await this.#end();
    }
  }

  async #runBatches(): Promise<void> {
    const total = this.#survey.rows.length + this.#survey.others.length;
    let done = 0;
    for (const ids of this.#batches()) {
      if (this.#parts.signal.aborted) return;
      await this.#batch(ids);
      await this.#policy.drain();
      done += ids.length;
      this.#parts.reporter.progress(this.#policy.dryRun ? "looking" : "purging", done, total);
    }
  }

  *#batches(): Generator<TaskId[]> {
    for (const rows of batches(this.#survey.rows, BATCH)) yield rows.map((row) => idOf(this.#base, row));
    yield* batches(this.#survey.others, BATCH);
  }

  async #batch(ids: readonly TaskId[]): Promise<void> {
    const chosen = this.#choose(await this.#look(ids));
    if (this.#policy.dryRun) return pool(chosen, WIDTH, (task) => this.#measure(task));
    const still = await this.#lookAgain(await this.#backUp(chosen));
    const inFile = still.filter(({ copies }) => copies.file !== null);
    const onlyInRedis = still.filter(({ copies }) => copies.file === null);
    for (const task of await this.#removeArtifacts(await this.#removeFromMirror(inFile))) this.#noteEnding(task);
    for (const task of await this.#removeFromMirror(await this.#removeArtifacts(onlyInRedis))) this.#report(task);
  }

  /** Both copies of each task. A Redis that is lost here is left out from here on. */
  async #look(
    ids: readonly TaskId[],
    fail: (id: TaskId, reason: string) => void = (id, reason) => this.#fail(id, reason),
  ): Promise<Looked[]> {
    const seen = await this.#mirror.see(ids);
    return ids.flatMap((id, i) => {
      const copy = seen[i] ?? null;
      const file = fileCopy(this.#current, id);
      const lost = copy === null && file === null ? this.#mirror.lost : null;
      if (copy instanceof TtsctlError || lost !== null) {
        fail(id, (lost ?? (copy as TtsctlError)).message);
        return [];
      }
      return [
        { id, copies: { file, mirror: copy === null ? null : mirrorCopy(copy, this.#mirror.times) }, seen: copy },
      ];
    });
  }

  #choose(looked: readonly Looked[]): Looked[] {
    return looked.filter(({ id, copies }) => {
      const decision = this.#policy.decide(copies);
      if (decision.kind === "gone") this.counts.gone.push(id);
      else if (decision.kind === "keep" && decision.candidate) this.#keep(id, decision.reason);
      return decision.kind === "purge";
    });
  }

  /** The tasks whose records are on the disk: those that cannot be saved stay. */
  async #backUp(chosen: Looked[]): Promise<Looked[]> {
    const { backup } = this.#parts;
    if (backup === null) return chosen;
    const rows = chosen.map(({ id }) => this.#current.rowOf(id.userId, id.taskId)).filter((row) => row >= 0);
    await backup.append(await this.#current.readTasks(rows));
    const inRedis = chosen.filter((task) => task.copies.file === null || isAhead(task));
    const tasks = await this.#mirror.read(inRedis.map(({ id }) => id));
    await backup.append(tasks.filter((task) => task !== undefined));
    const unsaved = new Set(inRedis.filter((task, i) => tasks[i] === undefined && task.copies.mirror !== "dangling"));
    for (const { id } of unsaved) this.#fail(id, "its record in Redis could not be read for the backup");
    return chosen.filter((task) => !unsaved.has(task));
  }

  /** If the file moved since it was read, only what is unchanged in the new content goes on. */
  async #lookAgain(chosen: readonly Looked[]): Promise<Looked[]> {
    if (!(await this.#refresh())) return [...chosen];
    return chosen.filter(({ id, copies }) => {
      const same = sameFileCopy(copies.file, fileCopy(this.#current, id));
      if (!same) this.#keep(id, "it changed while it was looked at");
      return same;
    });
  }

  /** Reads the file again if it moved; true if it had. */
  async #refresh(): Promise<boolean> {
    if (await this.#parts.file.isCurrent(this.#current)) return false;
    const fresh = await this.#parts.file.read();
    if (this.#current !== this.#base) await this.#current.close();
    this.#current = fresh;
    return true;
  }

  /** The conditional delete. A copy that changed keeps its task; a reply that never came leaves it unknown. */
  async #removeFromMirror<T extends Looked>(tasks: readonly T[]): Promise<T[]> {
    await this.#mirror.remember(tasks.filter(isAhead).map(({ id }) => id));
    if (!this.#mirror.isThere) return tasks.filter(({ seen, id }) => this.#mayGoWithoutMirror(seen, id));
    const outcomes = await this.#mirror.remove(tasks.map(({ id, seen }) => ({ id, seen: seen! })));
    return tasks.filter(({ id }, i) => {
      const outcome = outcomes?.[i];
      if (outcome === undefined) this.#fail(id, unknownRemoval(this.#mirror.lost!));
      else if (outcome instanceof TtsctlError) this.#fail(id, outcome.message);
      else if (!outcome) this.#keep(id, "its copy in Redis changed while it was looked at");
      return outcome === true;
    });
  }

  /** With Redis off or down the file alone decides; a task looked at in a Redis that is lost since waits. */
  #mayGoWithoutMirror(seen: SeenCopy | null, id: TaskId): boolean {
    if (seen !== null) this.#fail(id, "Redis was lost before its copy there was removed");
    return seen === null;
  }

  async #removeArtifacts<T extends Looked>(tasks: readonly T[]): Promise<(T & Removed)[]> {
    const removed: (T & Removed)[] = [];
    const stay: TaskId[] = [];
    await pool(tasks, WIDTH, async (task) => {
      const { userId, taskId } = task.id;
      const folder = await this.#parts.artifacts.purgeFolder(userId, taskId, this.#newest);
      if (this.#holdsBack(task.id, folder)) stay.push(task.id);
      else {
        const logs = await this.#removeLogs(task.id);
        removed.push({ ...task, files: filesOf(folder) + logs.files, bytes: bytesOf(folder) + logs.bytes });
      }
    });
    await this.#writeBack(stay);
    return removed;
  }

  /** Whether what happened to a task's folder means that the task stays. */
  #holdsBack(id: TaskId, folder: FolderOutcome): boolean {
    if (folder.kind !== "kept") return false;
    if (folder.newer) this.#keep(id, folder.reason);
    else if (folder.retry) this.#fail(id, folder.reason);
    else this.#parts.reporter.warn(`the folder of ${id.userId}:${id.taskId} stays: ${folder.reason}`);
    return folder.newer || folder.retry;
  }

  async #removeLogs({ userId, taskId }: TaskId): Promise<{ files: number; bytes: number }> {
    const isLast = this.#owners.release(taskId);
    // Artifacts of an id that is no plain name are never touched; that the folder stays was said.
    if (!isPlainName(userId)) return { files: 0, bytes: 0 };
    if (isLast) {
      const removed = await this.#logs!.remove(taskId, this.#newest);
      for (const reason of removed.reasons) this.#parts.reporter.warn(`a log stays: ${reason}`);
      return removed;
    }
    if ((await this.#logs!.measure(taskId)).files > 0) this.#sharedLogs++;
    return { files: 0, bytes: 0 };
  }

  async #measure({ id, copies, seen }: Looked): Promise<void> {
    const folder = await this.#parts.artifacts.measureFolder(id.userId, id.taskId, this.#newest);
    if (folder.kind === "kept" && (folder.newer || folder.retry)) return this.#keep(id, folder.reason);
    const last = this.#owners.release(id.taskId);
    const logs = last ? await this.#logs!.measure(id.taskId, this.#newest) : { files: 0, bytes: 0 };
    this.#report({ id, copies, seen, files: filesOf(folder) + logs.files, bytes: bytesOf(folder) + logs.bytes });
  }

  #noteEnding({ id, copies, seen, files, bytes }: Removed): void {
    const row = this.#base.rowOf(id.userId, id.taskId);
    const file = copies.file as Copy;
    this.#endings.add({ task: row < 0 ? id : row, file, redis: seen?.exists ?? false, files, bytes });
  }

  #idOf({ task }: Ending): TaskId {
    return typeof task === "number" ? idOf(this.#base, task) : task;
  }

  /** The last step: the rewrite, what came of it, and the empty folders. */
  async #end(): Promise<void> {
    try {
      if (this.#endings.size > 0) await this.#rewrite();
      if (!this.#policy.dryRun) await this.#parts.artifacts.sweep(this.#policy.expireBefore);
    } finally {
      if (this.#current !== this.#base) await this.#current.close();
      this.#failures.end();
      this.#skips.end();
      this.counts.mirrorLost = this.#mirror.end();
      if (this.#sharedLogs > 0) {
        this.#parts.reporter.warn(
          `the logs of ${this.#sharedLogs} purged tasks stay: other users' tasks have the same ids`,
        );
      }
    }
  }

  async #rewrite(): Promise<void> {
    let changed = new Set<number>();
    const { returned } = await this.#parts.file.edit((snapshot) => {
      changed = new Set();
      const removed = new KeySet(snapshot.rows.keys.size);
      for (let i = 0; i < this.#endings.size; i++) {
        const ending = this.#endings.at(i);
        const { userId, taskId } = this.#idOf(ending);
        const now = fileCopy(snapshot, { userId, taskId });
        if (now === null) continue;
        if (sameFileCopy(now, ending.file)) removed.add(snapshot.rows.keys.find(userId, taskId));
        else changed.add(i);
      }
      return { removed, upserts: [] };
    }, this.#current);
    this.counts.returned.push(...returned);
    const named = new NamedWarnings(this.#parts.reporter, "was returned");
    for (const { userId, taskId } of returned) named.add(userId, taskId, RETURNED);
    named.end();
    await this.#settle(changed);
  }

  /** Counts and prints what the rewrite ended; what changed before it stays, in both stores. */
  async #settle(changed: ReadonlySet<number>): Promise<void> {
    const stay: TaskId[] = [];
    for (let i = 0; i < this.#endings.size; i++) {
      const ending = this.#endings.at(i);
      const { redis, files, bytes } = ending;
      const id = this.#idOf(ending);
      if (!changed.has(i)) this.#count({ ...id, local: true, redis, dangling: false, files, bytes });
      else {
        stay.push(id);
        this.#keep(id, "its record changed before the file was rewritten");
      }
      if (i % BATCH === 0) await this.#policy.drain();
    }
    await this.#writeBack(stay);
  }

  async #writeBack(ids: readonly TaskId[]): Promise<void> {
    if (ids.length === 0 || !this.#mirror.isThere) return;
    await this.#refresh();
    const rows = ids.map(({ userId, taskId }) => this.#current.rowOf(userId, taskId)).filter((row) => row >= 0);
    await this.#mirror.writeBack(ids, await this.#current.readTasks(rows));
  }

  #report({ id, copies, seen, files, bytes }: Removed): void {
    const local = copies.file !== null;
    const dangling = !local && !(seen?.exists ?? false);
    this.#count({ ...id, local, redis: seen?.exists ?? false, dangling, files, bytes });
  }

  #count(task: PurgedTask): void {
    this.counts.purged++;
    this.counts.files += task.files;
    this.counts.bytes += task.bytes;
    this.#policy.onPurged(task);
  }

  #keep(id: TaskId, reason: string): void {
    this.counts.kept++;
    this.#policy.onKept?.(id, reason);
    this.#skips.add(id.userId, id.taskId, reason);
  }

  #fail({ userId, taskId }: TaskId, reason: string): void {
    this.counts.failed++;
    this.#failures.add(userId, taskId, reason);
  }
}

/** Whether Redis has a newer copy than the file. */
function isAhead({ copies: { file, mirror } }: Looked): boolean {
  if (file === null || mirror === null || typeof file !== "object" || typeof mirror !== "object") return false;
  return mirror.score > file.score;
}

const RETURNED = "the service holds the store in memory; restart it, or run this while it is stopped";

/** What is known of removals that Redis was lost with: a server that refused them did not do them. */
function unknownRemoval({ code, message }: TtsctlError): string {
  const isUnknown = code === "REDIS_TIMEOUT" || code === "REDIS_UNAVAILABLE";
  return isUnknown ? "Redis did not answer, so whether its copy there was removed is unknown" : message;
}

function idOf({ rows }: Snapshot, row: number): TaskId {
  const key = rows.key(row);
  return { userId: rows.keys.userId(key), taskId: rows.keys.taskId(key) };
}

/** The owners of the logs of every task that may go. */
function logOwners(base: Snapshot, { rows, others, onlyInRedis }: Survey): LogOwners {
  const owners = new LogOwners();
  for (const row of rows) owners.want(base.rows.keys.taskId(base.rows.key(row)));
  for (const { taskId } of others) owners.want(taskId);
  owners.count(base, onlyInRedis);
  return owners;
}

function filesOf(folder: FolderOutcome): number {
  return folder.kind === "removed" ? folder.files : 0;
}

function bytesOf(folder: FolderOutcome): number {
  return folder.kind === "removed" ? folder.bytes : 0;
}
