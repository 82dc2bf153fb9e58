import { TtsctlError } from "../errors.ts";
import { VERSION } from "../version.ts";
import type { LedgerRun } from "./ledger.ts";
import type { RunParts } from "./parts.ts";

/**
 * Runs work that changes tasks, between the lines of the audit ledger that begin and end it. Give the ledger to the
 * operation, and its result to `count`.
 * @param applies false for a dry run, which isn't recorded
 * @param work gets null if no ledger is kept; returns the exit code
 * @throws TtsctlError AUDIT_FAILED before, in or after the work; and what the work throws
 */
export async function audited(
  parts: RunParts,
  applies: boolean,
  work: (ledger: LedgerRun | null) => Promise<number>,
): Promise<number> {
  const { audit, store, configPath } = await parts.settings();
  if (!applies || audit.path.value === null) return work(null);
  const notThese = configPath === null ? [store.path.value] : [store.path.value, configPath];
  const { LedgerFile, LedgerRun, who } = await import("./ledger.ts");
  const file = await LedgerFile.open(audit.path.value, notThese);
  try {
    const run = new LedgerRun(file, () => parts.clock.now());
    await run.begin({ ...who(parts.caller), config: configPath, store: store.path.value, version: VERSION });
    return await ended(run, work);
  } finally {
    await file.close();
  }
}

/** An error of the work comes before a last line that couldn't be written. */
async function ended(run: LedgerRun, work: (ledger: LedgerRun) => Promise<number>): Promise<number> {
  let exitCode: number;
  try {
    exitCode = await work(run);
  } catch (error) {
    const { code, exitCode } = error instanceof TtsctlError ? error : { code: "INTERNAL", exitCode: 1 };
    await run.end({ exitCode, error: code }).catch(() => {});
    throw error;
  }
  await run.end({ exitCode, error: null });
  return exitCode;
}
