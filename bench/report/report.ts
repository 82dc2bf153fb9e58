import type { Machine } from "../machine.ts";
import type { Result } from "../result.ts";

/** A whole run of the bench. */
export interface Report extends Machine {
  /** How often each row was run, at least. */
  readonly runs: number;
  readonly results: readonly Result[];
}
