import type { TtsctlError } from "../../errors.ts";
import type { TaskId } from "../../task/ids.ts";
import { NamedWarnings, type PurgedTask, RETURNED, type Reporter } from "../reporter.ts";

export interface TallyRules {
  readonly dryRun: boolean;
  /** Receives the chosen tasks that are kept. */
  onKept?(id: TaskId, reason: string, unfinished?: true): void;
}

/** Counts and reports the outcomes of a purge. The first few tasks that are kept or fail are named in warnings. */
export class Tally {
  readonly counts = { purged: 0, skipped: 0, failed: 0, returned: 0, purgedForSpace: 0, files: 0, bytes: 0 };
  /** Tasks that a stopped purge left: chosen in the file, or only in Redis. */
  unreached = 0;
  /** Of the failed, those of which only the record is left. */
  half = 0;
  readonly gone: TaskId[] = [];
  #unreported: PurgedTask[] = [];
  readonly #failures: NamedWarnings;
  readonly #skips: NamedWarnings;

  constructor(
    private readonly reporter: Reporter,
    private readonly rules: TallyRules,
  ) {
    this.#failures = new NamedWarnings(reporter, "was not deleted");
    this.#skips = new NamedWarnings(reporter, "is kept");
  }

  /** @param isHalf only its record is left, because the file could not be rewritten */
  purge(task: PurgedTask, isHalf = false): void {
    const { counts } = this;
    if (isHalf) this.half++;
    counts[isHalf ? "failed" : "purged"]++;
    if (!isHalf && task.reason === "max-bytes") counts.purgedForSpace++;
    this.free(task);
    this.#unreported.push(task);
  }

  /** Counts what is removed, also of a task that isn't purged after all. */
  free({ files, bytes }: Pick<PurgedTask, "files" | "bytes">): void {
    this.counts.files += files;
    this.counts.bytes += bytes;
  }

  async flush(): Promise<void> {
    await this.reporter.done("cleanup", this.#unreported.splice(0), this.rules.dryRun);
  }

  keep(id: TaskId, reason: string, unfinished?: true): void {
    this.counts.skipped++;
    this.rules.onKept?.(id, reason, unfinished);
    this.#skips.add(id, reason);
  }

  fail(id: TaskId, reason: string | TtsctlError): void {
    this.counts.failed++;
    this.#failures.add(id, reason);
  }

  bringBack(ids: readonly TaskId[]): void {
    this.counts.returned += ids.length;
    new NamedWarnings(this.reporter, "was written back").addAll(ids, RETURNED);
  }

  async end(): Promise<void> {
    await this.flush();
    this.#failures.end();
    this.#skips.end();
  }
}
