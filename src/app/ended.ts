import { interrupted, isRedisError, type TtsctlError, throwIfInterrupted } from "../errors.ts";
import type { RunParts } from "./parts.ts";

/** The exit codes of docs/contract.md, Exit codes that a result, rather than an error, can have. */
export const DONE = 0;
export const FAILED = 1;
export const PARTLY = 3;
export const INTERRUPTED = 130;

/** What a run did. `problem`: why it stopped early, or why Redis was left out. */
export type Outcome<R> = { readonly result: R; readonly problem: TtsctlError | null };

export interface Ended<R, O = unknown> {
  readonly result: R;
  readonly outcome: O;
  readonly exitCode: number;
  /** What ended the run early. It has a result nevertheless, so a surface shows that first. */
  readonly error: TtsctlError | null;
}

interface Ending {
  /** What was done before an interruption; without it a run isn't interrupted so late. And what to do after it. */
  readonly did?: string;
  readonly next?: string;
  /** Whether something was left undone. */
  readonly isPartly: boolean;
  /** What a run without Redis leaves undone; left out if every problem ends the run. */
  readonly without?: string;
  /** Whether a problem of the file is only a warning too. */
  readonly goesOn?: boolean;
}

/** How a run ends that nothing ended early. */
export function finished<R>(result: R, isPartly: boolean): Ended<R> {
  return { result, outcome: result, error: null, exitCode: isPartly ? PARTLY : DONE };
}

type Run = Pick<RunParts, "signal" | "reporter">;

/** How a run that changed tasks ends: its exit code, and a warning if it went on without Redis. @throws TtsctlError INTERRUPTED for half a plan */
export function ended<O extends Outcome<{ readonly dryRun: boolean }>>(
  run: Run,
  outcome: O,
  ending: Ending,
): Ended<O["result"], O> {
  const { did, next, isPartly, without = "", goesOn = false } = ending;
  const { problem, result } = outcome;
  if (result.dryRun && did !== undefined) throwIfInterrupted(run.signal, "nothing was changed", "run it again");
  const isFatal = problem !== null && !goesOn && !isRedisError(problem);
  const error = run.signal.aborted && did !== undefined ? interrupted(did, next) : isFatal ? problem : null;
  if (error === null && problem !== null) run.reporter.warn(`${problem.message}: ${without}`);
  return { result, outcome, exitCode: error?.exitCode ?? (problem !== null || isPartly ? PARTLY : DONE), error };
}
