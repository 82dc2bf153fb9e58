import type { Artifacts } from "../artifacts/artifacts.ts";
import type { Clock } from "../clock.ts";
import { TtsctlError } from "../errors.ts";
import type { FileStore } from "../store/file/file-store.ts";
import { matchingRows } from "../store/file/file-tasks.ts";
import type { Snapshot } from "../store/file/snapshot.ts";
import type { MirrorState } from "../store/mirror-link.ts";
import type { Mirror } from "../store/redis/mirror.ts";
import type { TaskId } from "../store/task-source.ts";
import { passes, type TaskFilter, timePasses } from "../task/filter.ts";
import { checkBrake, type MaxDelete } from "./brake.ts";
import type { Ledger } from "./ledger.ts";
import { MirrorUse } from "./mirror-use.ts";
import type { BackupFile } from "./purge/backup.ts";
import { decideDelete } from "./purge/decide.ts";
import type { Looked } from "./purge/looked.ts";
import { Purge } from "./purge/purge.ts";
import { recoverArtifacts } from "./purge/recover.ts";
import { type Survey, survey } from "./purge/survey.ts";
import type { PurgedTask } from "./purge/tally.ts";
import type { Reporter } from "./reporter.ts";
import { storeEmpty } from "./safety.ts";

/** Which tasks: some ids of one user, or all that pass a filter. */
export interface Selection {
  readonly filter: TaskFilter;
  readonly ids: readonly string[] | null;
}

export interface DeleteOptions {
  readonly dryRun: boolean;
  /** Also tasks that may still be worked on. */
  readonly force: boolean;
  readonly maxDelete: MaxDelete;
  readonly allowEmpty: boolean;
  /** Seconds: empty folders that were last changed longer ago go too. */
  readonly retention: number;
}

/** `delete -o json` (SPEC section 5). */
export interface DeleteResult {
  requested: number;
  deleted: number;
  /** The ids that neither store has. */
  missing: string[];
  refused: { user_id: string; task_id: string; reason: string }[];
  failed: number;
  returned: number;
  files: number;
  bytes: number;
  dryRun: boolean;
}

export interface DeleteParts {
  readonly file: FileStore;
  readonly mirror: MirrorState;
  readonly artifacts: Artifacts;
  readonly backup: BackupFile | null;
  readonly ledger: Ledger | null;
  readonly clock: Clock;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
  onPurged(task: PurgedTask): void;
  /** Waits until what onPurged was given is written. */
  drain(): Promise<void>;
  /** Asks before anything is deleted; throws where the answer is no. */
  confirm(count: number): Promise<void>;
}

/**
 * Deletes chosen tasks from both stores with their artifacts, as a cleanup purges them. The caller holds the run lock,
 * unless it is a dry run.
 * @throws TtsctlError STORE_*, MAX_DELETE_EXCEEDED before the first deletion, BACKUP_FAILED, AUDIT_FAILED
 */
export async function deleteTasks(
  parts: DeleteParts,
  selection: Selection,
  options: DeleteOptions,
): Promise<{ result: DeleteResult; problem: TtsctlError | null }> {
  const use = new MirrorUse(parts.mirror);
  if (!options.dryRun) await recoverArtifacts(parts);
  const snapshot = await parts.file.read();
  try {
    const found = await use.attempt((mirror) => select(snapshot, mirror, selection));
    refuseEmpty(snapshot, found, options);
    const run = new DeleteRun(parts, options, { snapshot, found, mirror: use.mirror });
    const { result, lost } = await run.run(snapshot.size, found);
    return { result, problem: use.lost ?? lost };
  } finally {
    await snapshot.close();
  }
}

function refuseEmpty(snapshot: Snapshot, { members }: Survey, { allowEmpty }: DeleteOptions): void {
  if (snapshot.size > 0 || members === 0 || allowEmpty) return;
  throw storeEmpty(snapshot, ` while Redis has ${members}: nothing was deleted`);
}

/** Looks in both stores; the file's copy decides where there is one. */
function select(snapshot: Snapshot, mirror: Mirror | null, { filter, ids }: Selection): Promise<Survey> {
  return ids === null ? selectByFilter(snapshot, mirror, filter) : selectByIds(snapshot, mirror, filter, ids);
}

async function selectByIds(snapshot: Snapshot, mirror: Mirror | null, filter: TaskFilter, ids: readonly string[]) {
  const userId = filter.userId!;
  const all = ids.map((taskId) => ({ userId, taskId }));
  const found = await survey(snapshot, [], mirror, () => false);
  return {
    ...found,
    others: filter.statuses.size === 0 && !hasTimes(filter) ? all : await passing(snapshot, mirror, filter, all),
  };
}

function hasTimes({ since, until }: TaskFilter): boolean {
  return since !== null || until !== null;
}

/** The ids whose copy passes the filter, and those without any copy. */
async function passing(snapshot: Snapshot, mirror: Mirror | null, filter: TaskFilter, ids: readonly TaskId[]) {
  const rows = new Set(matchingRows(snapshot, filter));
  const inRedis = mirror === null ? [] : await mirror.read(ids);
  return ids.filter((id, i) => {
    const row = snapshot.rowOf(id.userId, id.taskId);
    if (row >= 0) return rows.has(row);
    const copy = inRedis[i];
    return copy === undefined || copy instanceof TtsctlError || passes(copy, filter);
  });
}

async function selectByFilter(snapshot: Snapshot, mirror: Mirror | null, filter: TaskFilter): Promise<Survey> {
  const rows = [...matchingRows(snapshot, filter)];
  const found = await survey(snapshot, rows, mirror, ({ userId, score }, inFile) => {
    return !inFile && (filter.userId === undefined || userId === filter.userId) && timePasses(score, filter);
  });
  if (mirror === null || filter.statuses.size === 0) return found;
  const copies = await mirror.read(found.others);
  const others = found.others.filter((_, i) => {
    const copy = copies[i];
    return copy !== undefined && !(copy instanceof TtsctlError) && passes(copy, filter);
  });
  return { ...found, others };
}

/** One deletion under way, and its result so far. */
class DeleteRun {
  readonly #parts: DeleteParts;
  readonly #options: DeleteOptions;
  readonly #purge: Purge;
  readonly #result: DeleteResult;

  constructor(
    parts: DeleteParts,
    options: DeleteOptions,
    chosen: { snapshot: Snapshot; found: Survey; mirror: Mirror | null },
  ) {
    const { snapshot, found, mirror } = chosen;
    this.#parts = parts;
    this.#options = options;
    const requested = found.rows.length + found.others.length;
    const { dryRun, force, retention } = options;
    this.#result = {
      ...{ requested, deleted: 0, missing: [], refused: [], failed: 0, returned: 0, files: 0, bytes: 0, dryRun },
    };
    const now = parts.clock.now();
    const policy = {
      ...{ now, sweepBefore: now - Math.max(retention, 0), dryRun },
      decide: ({ copies }: Looked) => decideDelete(copies, force),
      onPurged: parts.onPurged,
      drain: parts.drain,
      onKept: ({ userId, taskId }: TaskId, reason: string) => {
        this.#result.refused.push({ user_id: userId, task_id: taskId, reason });
      },
    };
    this.#purge = new Purge({ ...parts, mirror }, policy, snapshot, found);
  }

  async run(size: number, found: Survey) {
    if (!this.#options.dryRun) {
      const planned = await this.#purge.countPlanned();
      checkBrake(planned, Math.max(size, found.members), this.#options.maxDelete);
      if (planned > 0) await this.#parts.confirm(planned);
    }
    await this.#purge.run();
    const { counts } = this.#purge;
    this.#result.deleted = counts.purged;
    this.#result.missing = counts.gone.map(({ taskId }) => taskId);
    this.#result.failed = counts.failed;
    this.#result.returned = counts.returned.length;
    this.#result.files = counts.files;
    this.#result.bytes = counts.bytes;
    return { result: this.#result, lost: counts.mirrorLost };
  }
}
