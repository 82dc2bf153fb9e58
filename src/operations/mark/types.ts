import type { Clock } from "../../clock.ts";
import type { FileStore } from "../../store/file/file-store.ts";
import type { MirrorState } from "../../store/mirror-link.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { RecordRules } from "../../task/rules.ts";
import type { MaxDelete } from "../brake.ts";
import type { Ledger } from "../ledger.ts";
import type { PlanSummary } from "../plan-summary.ts";
import type { Reporter } from "../reporter.ts";

export interface MarkOptions {
  /** The service's word that is written. */
  readonly status: string;
  /** The same as shown. */
  readonly shown: string;
  /** Undefined leaves the record's own. */
  readonly error: string | null | undefined;
  readonly dryRun: boolean;
  readonly maxMark: MaxDelete;
  readonly allowEmpty: boolean;
}

/** `mark -o json`: requested = marked + unchanged + missing + refused + failed + returned. */
export interface MarkResult {
  requested: number;
  marked: number;
  /** Tasks that had the status already; where Redis had them otherwise, it now has what the file has. */
  unchanged: number;
  /** The ids that neither store has. */
  missing: string[];
  refused: { user_id: string; task_id: string; reason: string }[];
  failed: number;
  returned: number;
  dryRun: boolean;
}

/** One task that is marked, or in a dry run would be. */
export interface MarkedTask extends TaskId {
  /** The shown word that it had. */
  readonly from: string;
  /** Whether it is marked in the file, and in Redis. */
  readonly local: boolean;
  readonly redis: boolean | "unknown";
}

export interface MarkParts {
  readonly file: FileStore;
  readonly mirror: MirrorState;
  readonly rules: RecordRules;
  readonly clock: Clock;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
  readonly ledger: Ledger | null;
  onMarked(task: MarkedTask): void;
  /** Waits until what onMarked was given is written. */
  drain(): Promise<void>;
  /** Asks before anything is marked; throws where the answer is no. */
  confirm(plan: PlanSummary): Promise<void>;
}
