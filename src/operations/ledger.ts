import { keyOf, type TaskId } from "../task/ids.ts";

export type LedgerAction = "purge" | "prune" | "mark" | "import" | "repair";

/** A task, or the path of an artifact without one. */
export type LedgerEntry = { readonly reason: string } & (TaskId | { readonly path: string });

/**
 * The audit ledger of a run, which `audited` opens. For each batch, an operation calls `announce` before the first step that can't be
 * undone, and then `stayed` with the tasks that weren't changed after all, or perhaps not.
 */
export interface Ledger {
  /** Returns when the entries are on the disk. @throws TtsctlError AUDIT_FAILED: nothing of the batch may be changed */
  announce(action: LedgerAction, entries: readonly LedgerEntry[]): Promise<void>;
  /** Never throws: the next `announce` will. */
  stayed(tasks: readonly TaskId[]): Promise<void>;
  /** Changes that a service which holds the store in memory undid. Never throws. */
  returned(tasks: readonly TaskId[]): Promise<void>;
}

/** Announces a batch of tasks, and afterwards, also if the work throws, names those for which it didn't call `done`. */
export async function announced(
  ledger: Ledger | null,
  action: LedgerAction,
  entries: readonly (TaskId & { readonly reason: string })[],
  work: (done: (id: TaskId) => void) => Promise<void>,
): Promise<void> {
  await ledger?.announce(action, entries);
  const ids = entries.map(({ userId, taskId }) => ({ userId, taskId }));
  const left = new Map(ids.map((id) => [keyOf(id), id]));
  try {
    await work((id) => left.delete(keyOf(id)));
  } finally {
    await ledger?.stayed([...left.values()]);
  }
}
