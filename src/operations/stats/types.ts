/** By shown status; `other` are words outside the table. */
export type ByStatus<T> = Readonly<Record<"wait" | "run" | "done" | "error" | "other", T>>;

export interface StatusCounts extends ByStatus<number> {
  readonly total: number;
}

export interface DiskBytes {
  audioBytes: number;
  logBytes: number;
}

export interface NamedTask {
  readonly user_id: string;
  readonly task_id: string;
  readonly status: string;
  /** ISO 8601, UTC. */
  readonly updated_at: string;
  readonly ageSeconds: number;
}

/** The tasks whose last change was between two times, ISO 8601, UTC. */
export interface Bar extends StatusCounts {
  readonly from: string;
  readonly until: string;
}
