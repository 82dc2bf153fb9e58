import type { TtsctlError } from "../errors.ts";
import type { Snapshot } from "../store/file/snapshot.ts";
import type { Mirror } from "../store/redis/mirror.ts";
import type { TaskId } from "../store/task-source.ts";
import { checkBrake, type MaxDelete, type PlanSummary } from "./brake.ts";
import type { CleanupParts } from "./cleanup.ts";
import { MirrorUse } from "./mirror-use.ts";
import { decideDelete, type Looked } from "./purge/decide.ts";
import { Purge } from "./purge/purge.ts";
import { recoverArtifacts } from "./purge/purge-artifacts.ts";
import type { Survey } from "./purge/survey.ts";
import { checkClock, checkLayout, checkSameStore, storeEmpty } from "./safety.ts";
import { idsOfNobody, type Selection, select } from "./select.ts";

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

export interface DeleteParts extends CleanupParts {
  /** Asks before anything is deleted; throws where the answer is no. */
  confirm(plan: PlanSummary): Promise<void>;
}

/**
 * Deletes chosen tasks from both stores with their artifacts, as a cleanup purges them. The caller holds the run lock,
 * unless it is a dry run.
 * @throws TtsctlError STORE_*, LAYOUT_MISMATCH, CLOCK_SKEW where an age chooses, MAX_DELETE_EXCEEDED before the first deletion, BACKUP_FAILED, AUDIT_FAILED
 */
export async function deleteTasks(
  parts: DeleteParts,
  selection: Selection,
  options: DeleteOptions,
): Promise<{ result: DeleteResult; problem: TtsctlError | null }> {
  const use = new MirrorUse(parts.mirror);
  if (!options.dryRun) await recoverArtifacts(parts);
  const snapshot = await parts.file.read(parts.signal);
  try {
    const found = await use.attempt((mirror) => select(snapshot, mirror, selection));
    refuseEmpty(snapshot, found, options);
    await use.attempt(async (mirror) => mirror && checkLayout(mirror));
    await use.attempt(async (mirror) => mirror && checkSameStore(snapshot, mirror));
    const { age } = selection;
    if (age !== null) await use.attempt(async (mirror) => mirror && checkClock(mirror, parts.clock, age));
    const run = new DeleteRun(parts, options, { snapshot, found, mirror: use.mirror, selection });
    const { result, stopped } = await run.run(snapshot.size, found);
    return { result, problem: stopped ?? use.lost };
  } finally {
    await snapshot.close();
  }
}

function refuseEmpty(snapshot: Snapshot, { members }: Survey, { allowEmpty }: DeleteOptions): void {
  if (snapshot.size > 0 || members === 0 || allowEmpty) return;
  throw storeEmpty(snapshot, ` while Redis has ${members}: nothing was deleted`);
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
    chosen: { snapshot: Snapshot; found: Survey; mirror: Mirror | null; selection: Selection },
  ) {
    const { snapshot, found, mirror, selection } = chosen;
    this.#parts = parts;
    this.#options = options;
    const missing = idsOfNobody(selection);
    const requested = found.rows.length + found.others.size + missing.length;
    const { dryRun, force, retention } = options;
    this.#result = {
      ...{ requested, deleted: 0, missing, refused: [], failed: 0, returned: 0, files: 0, bytes: 0, dryRun },
    };
    const now = parts.clock.now();
    const policy = {
      ...{ now, sweepBefore: now - Math.max(retention, 0), dryRun },
      decide: ({ copies }: Looked) => decideDelete(copies, selection.filter, force),
      onKept: ({ userId, taskId }: TaskId, reason: string) => {
        this.#result.refused.push({ user_id: userId, task_id: taskId, reason });
      },
    };
    this.#purge = new Purge({ ...parts, mirror }, policy, snapshot, found);
  }

  async run(size: number, found: Survey) {
    if (!this.#options.dryRun) {
      const planned = await this.#purge.plan();
      checkBrake(planned.count, Math.max(size, found.members), this.#options.maxDelete);
      if (planned.count > 0) {
        await this.#purge.check();
        await this.#parts.confirm(planned);
      }
    }
    const problem = await this.#purge.run();
    const { counts } = this.#purge;
    this.#result.deleted = counts.purged;
    this.#result.missing.push(...counts.gone.map(({ taskId }) => taskId));
    this.#result.failed = counts.failed;
    this.#result.returned = counts.returned.length;
    this.#result.files = counts.files;
    this.#result.bytes = counts.bytes;
    return { result: this.#result, stopped: problem };
  }
}
