/** By shown status; `other` are words outside the table. */
type ByStatus<T> = Readonly<Record<"wait" | "run" | "done" | "error" | "other", T>>;

export interface StatusCounts extends ByStatus<number> {
  readonly total: number;
}

export interface DiskBytes {
  audioBytes: number;
  logBytes: number;
}

interface UserStats extends StatusCounts {
  readonly user_id: string;
  /** ISO 8601, UTC. */
  readonly lastChange: string;
  /** Null if the disk wasn't read. */
  readonly disk: DiskBytes | null;
}

export interface NamedTask {
  readonly user_id: string;
  readonly task_id: string;
  readonly status: string;
  /** ISO 8601, UTC. */
  readonly updated_at: string;
  readonly ageSeconds: number;
}

export interface DiskStats extends DiskBytes {
  readonly byStatus: ByStatus<DiskBytes>;
  /** Logs of task ids that several users have; in no status and no user. */
  readonly sharedLogBytes: number;
  readonly unowned: DiskBytes;
  readonly unread: number;
}

export interface CleanupEstimate {
  readonly tasks: number;
  /** Null if the disk wasn't read. */
  readonly files: number | null;
  readonly bytes: number | null;
}

/** The tasks whose last change was between two times, ISO 8601, UTC. */
export interface Bar extends StatusCounts {
  readonly from: string;
  readonly until: string;
}

/** `stats -o json` (docs/json.md). */
export interface StatsResult {
  readonly source: "redis" | "file" | "mixed";
  /** ISO 8601, UTC; ages are counted from it. */
  readonly at: string;
  readonly user: string | null;
  readonly total: number;
  readonly byStatus: ByStatus<number>;
  readonly users: number;
  /** Those with the most tasks first; at most 10,000. */
  readonly byUser: readonly UserStats[];
  readonly oldest: NamedTask | null;
  readonly newest: NamedTask | null;
  /** Of those in `wait`, the one that was changed longest ago. */
  readonly oldestWaiting: NamedTask | null;
  /** By the time since the last change, at most `upTo` seconds. */
  readonly ages: readonly (StatusCounts & { readonly upTo: number | null })[];
  /** By the hour of the last change: the last 24, ISO 8601, UTC. */
  readonly perHour: readonly (StatusCounts & { readonly from: string })[];
  readonly per6Hours: readonly Bar[];
  readonly perDay: readonly Bar[];
  readonly dangling: number;
  /** Null if the file wasn't read. */
  readonly invalid: {
    readonly count: number;
    readonly records: readonly {
      readonly user_id: string | null;
      readonly task_id: string | null;
      readonly byte: number;
      readonly reason: string;
    }[];
  } | null;
  readonly stuck: { readonly count: number; readonly afterSeconds: number; readonly tasks: readonly NamedTask[] };
  readonly disk: DiskStats | null;
  /** Null if cleanup is off or would refuse to run, and with `--source redis`, which doesn't read the file. */
  readonly cleanup: CleanupEstimate | null;
}
