import type { TaskId } from "../../store/task-source.ts";
import { NamedWarnings, type PurgedTask, RETURNED, type Reporter } from "../reporter.ts";

/** Counts and reports the outcomes of a purge. The first few tasks that are kept or fail are named in warnings. */
export class Tally {
  purged = 0;
  /** Of the purged, those for `max_bytes`. */
  purgedForSpace = 0;
  /** Of the failed, those of which only the record is left. */
  half = 0;
  failed = 0;
  files = 0;
  bytes = 0;
  /** Tasks that were chosen and are kept. */
  kept = 0;
  readonly gone: TaskId[] = [];
  /** Tasks that a service which holds the store in memory wrote again. */
  readonly returned: TaskId[] = [];
  readonly #reporter: Reporter;
  readonly #dryRun: boolean;
  readonly #onKept: ((id: TaskId, reason: string) => void) | undefined;
  #unreported: PurgedTask[] = [];
  readonly #failures: NamedWarnings;
  readonly #skips: NamedWarnings;

  constructor(reporter: Reporter, dryRun: boolean, onKept?: (id: TaskId, reason: string) => void) {
    this.#reporter = reporter;
    this.#dryRun = dryRun;
    this.#onKept = onKept;
    this.#failures = new NamedWarnings(reporter, "was not purged");
    this.#skips = new NamedWarnings(reporter, "stays");
  }

  /** @param isHalf only its record is left, because the file could not be rewritten */
  purge(task: PurgedTask, isHalf = false): void {
    if (isHalf) {
      this.half++;
      this.failed++;
    } else {
      this.purged++;
      if (task.reason === "max-bytes") this.purgedForSpace++;
    }
    this.files += task.files;
    this.bytes += task.bytes;
    this.#unreported.push(task);
  }

  async flush(): Promise<void> {
    const purged = this.#unreported;
    this.#unreported = [];
    await this.#reporter.done("cleanup", purged, this.#dryRun);
  }

  keep(id: TaskId, reason: string): void {
    this.kept++;
    this.#onKept?.(id, reason);
    this.#skips.add(id, reason);
  }

  fail(id: TaskId, reason: string): void {
    this.failed++;
    this.#failures.add(id, reason);
  }

  bringBack(ids: readonly TaskId[]): void {
    this.returned.push(...ids);
    new NamedWarnings(this.#reporter, "was returned").addAll(ids, RETURNED);
  }

  async end(): Promise<void> {
    await this.flush();
    this.#failures.end();
    this.#skips.end();
  }
}
