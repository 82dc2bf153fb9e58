import type { TaskId } from "../store/task-source.ts";

/** What is done to a task: removed with its artifacts, removed from the mirror, given a status, written, or mended. */
export type LedgerAction = "purge" | "prune" | "mark" | "import" | "repair";

/** A task, or a path where no task is known of it, and why something is done to it. */
export type LedgerEntry = { readonly reason: string } & (TaskId | { readonly path: string });

/**
 * The audit ledger of a run (`[audit] path`), as operations see it. An operation that changes or removes tasks gets
 * `ledger: Ledger | null` beside its other parts, and for each batch
 *
 * 1. calls `announce` with what is about to be done, before the first step that cannot be undone (where the backup line
 *    goes); where it throws, nothing of the batch is done, and the run ends in good order;
 * 2. calls `stayed` with those of the batch that it did not happen to after all, or not for sure.
 *
 * The command opens the ledger with `audited` (parts/ledger.ts), which writes the lines that begin and end the run.
 */
export interface Ledger {
  /**
   * Returns when the entries are on the disk.
   * @throws TtsctlError AUDIT_FAILED
   */
  announce(action: LedgerAction, entries: readonly LedgerEntry[]): Promise<void>;
  /** Of what was announced: what was left as it was, or whose outcome is unknown. Never throws: `announce` will. */
  stayed(tasks: readonly TaskId[]): Promise<void>;
  /** Removed, and written back by a service that holds the store in memory. Never throws. */
  returned(tasks: readonly TaskId[]): Promise<void>;
}
