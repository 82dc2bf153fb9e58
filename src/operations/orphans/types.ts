import type { Artifacts } from "../../artifacts/artifacts.ts";
import type { Clock } from "../../clock.ts";
import type { FileStore } from "../../store/file/file-store.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import type { MaxDelete } from "../brake.ts";
import type { Ledger } from "../ledger.ts";
import type { Reporter } from "../reporter.ts";

/** `cleanup --orphans -o json`. */
export interface OrphanResult {
  /** ISO 8601, UTC: artifacts that were changed later stay. */
  olderThan: string;
  /** All folders and logs of tasks, with a record or without. */
  found: number;
  /** Those without a record that are old enough. */
  folders: number;
  logs: number;
  /** Without a record, but younger. */
  young: number;
  /** Things in `output/` that are no folder of a task, or could not be looked at. */
  unknown: number;
  removed: number;
  skipped: number;
  failed: number;
  /** Removed, or in a dry run of those that would be. */
  files: number;
  bytes: number;
  dryRun: boolean;
  durationMs: number;
}

/** What an interruption reports before the first removal. */
export const NOTHING_REMOVED = "no artifact was removed";

export interface OrphanParts {
  readonly file: FileStore;
  readonly mirror: Mirror;
  readonly artifacts: Artifacts;
  readonly clock: Clock;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
  readonly ledger: Ledger | null;
}

export interface OrphanOptions {
  /** Seconds; more than zero. */
  readonly retention: number;
  /** Only list them. */
  readonly dryRun: boolean;
  /** Of all artifacts found. */
  readonly maxDelete: MaxDelete;
}
