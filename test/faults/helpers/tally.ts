import { appendFileSync } from "node:fs";
import { inject } from "vitest";

/** One thing that was tried, as the summary counts it. */
export interface Tried {
  readonly kind: "fault" | "bad input";
  readonly count: number;
  /** Tasks that were to stay and are not there. */
  readonly lost: number;
}

/** Notes faults that were tried, for the summary at the end of the run. */
export function triedFault(count = 1, lost = 0): void {
  note({ kind: "fault", count, lost });
}

export function triedBadInput(count = 1): void {
  note({ kind: "bad input", count, lost: 0 });
}

function note(tried: Tried): void {
  appendFileSync(inject("faultTally"), `${JSON.stringify(tried)}\n`);
}
