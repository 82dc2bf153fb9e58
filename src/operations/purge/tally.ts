import type { TtsctlError } from "../../errors.ts";
import type { TaskId } from "../../store/task-source.ts";
import { NamedWarnings, RETURNED, type Reporter } from "../reporter.ts";
import type { Reason } from "./decide.ts";

/** One task that is gone, or in a dry run would be. */
export interface PurgedTask extends TaskId {
  /** Whether the file had it, and Redis. */
  readonly local: boolean;
  readonly redis: boolean;
  /** The rule that it goes by. */
  readonly reason: Reason;
  readonly files: number;
  readonly bytes: number;
}

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

/** Who is told what becomes of each task. */
export interface TallyListener {
  onPurged(task: PurgedTask): void;
  onKept?(id: TaskId, reason: string): void;
}

/** What becomes of the tasks of a purge: counted, told, and the first few of those that stay named in warnings. */
export class Tally {
  readonly counts: PurgeCounts = {
    ...{
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
    },
  };
  readonly #reporter: Reporter;
  readonly #listener: TallyListener;
  readonly #failures: NamedWarnings;
  readonly #skips: NamedWarnings;

  constructor(reporter: Reporter, listener: TallyListener) {
    this.#reporter = reporter;
    this.#listener = listener;
    this.#failures = new NamedWarnings(reporter, "was not purged");
    this.#skips = new NamedWarnings(reporter, "stays");
  }

  purged(task: PurgedTask): void {
    this.counts.purged++;
    if (task.reason === "max-bytes") this.counts.purgedForSpace++;
    this.#report(task);
  }

  /** A task whose artifacts and copy in Redis are gone, and whose record could not be taken out of the file. */
  halfPurged(task: Omit<PurgedTask, "local">): void {
    this.counts.half++;
    this.counts.failed++;
    this.#report({ ...task, local: false });
  }

  #report(task: PurgedTask): void {
    this.counts.files += task.files;
    this.counts.bytes += task.bytes;
    this.#listener.onPurged(task);
  }

  keep(id: TaskId, reason: string): void {
    this.counts.kept++;
    this.#listener.onKept?.(id, reason);
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

  /** Says how many were not named. */
  end(): void {
    this.#failures.end();
    this.#skips.end();
  }
}
