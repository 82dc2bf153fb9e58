import type { TtsctlError } from "../../errors.ts";
import type { TaskId } from "../../store/task-source.ts";
import { NamedWarnings, type PurgedTask, RETURNED, type Reporter } from "../reporter.ts";

export interface PurgeCounts {
  purged: number;
  /** Of the purged, those that went for `max_bytes`. */
  purgedForSpace: number;
  /** Of the failed, those whose record alone is left. */
  half: number;
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

interface TallyRules {
  readonly dryRun: boolean;
  onKept?(id: TaskId, reason: string): void;
}

/** What becomes of the tasks of a purge: counted, told, and the first few of those that stay named in warnings. */
export class Tally {
  readonly counts: PurgeCounts = {
    purged: 0,
    purgedForSpace: 0,
    half: 0,
    failed: 0,
    files: 0,
    bytes: 0,
    kept: 0,
    gone: [],
    returned: [],
    mirrorLost: null,
  };
  readonly #reporter: Reporter;
  readonly #rules: TallyRules;
  /** Not reported yet. */
  #purged: PurgedTask[] = [];
  readonly #failures: NamedWarnings;
  readonly #skips: NamedWarnings;

  constructor(reporter: Reporter, rules: TallyRules) {
    this.#reporter = reporter;
    this.#rules = rules;
    this.#failures = new NamedWarnings(reporter, "was not purged");
    this.#skips = new NamedWarnings(reporter, "stays");
  }

  purged(task: PurgedTask): void {
    this.counts.purged++;
    if (task.reason === "max-bytes") this.counts.purgedForSpace++;
    this.#report(task);
  }

  /** A task whose artifacts and copy in Redis are gone, and whose record could not be taken out of the file. */
  halfPurged(task: PurgedTask): void {
    this.counts.half++;
    this.counts.failed++;
    this.#report(task);
  }

  #report(task: PurgedTask): void {
    this.counts.files += task.files;
    this.counts.bytes += task.bytes;
    this.#purged.push(task);
  }

  /** Reports what was purged. */
  async flush(): Promise<void> {
    const purged = this.#purged;
    this.#purged = [];
    await this.#reporter.done("cleanup", purged, this.#rules.dryRun);
  }

  keep(id: TaskId, reason: string): void {
    this.counts.kept++;
    this.#rules.onKept?.(id, reason);
    this.#skips.add(id.userId, id.taskId, reason);
  }

  fail({ userId, taskId }: TaskId, reason: string): void {
    this.counts.failed++;
    this.#failures.add(userId, taskId, reason);
  }

  gone(id: TaskId): void {
    this.counts.gone.push(id);
  }

  returned(ids: readonly TaskId[]): void {
    this.counts.returned.push(...ids);
    const named = new NamedWarnings(this.#reporter, "was returned");
    for (const { userId, taskId } of ids) named.add(userId, taskId, RETURNED);
    named.end();
  }

  /** Reports the rest, and how many were not named. */
  async end(): Promise<void> {
    await this.flush();
    this.#failures.end();
    this.#skips.end();
  }
}
