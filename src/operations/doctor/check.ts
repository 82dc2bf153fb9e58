import type { DoctorParts, Probe } from "./probe.ts";

/** `ok`; `warn`: it works, but; `fail`: some command will not work; `skip`: it could not be looked at. */
export type Status = "ok" | "warn" | "fail" | "skip";

/** What a check says: one line, and where it is not ok what to do. */
export interface Verdict {
  readonly status: Status;
  readonly detail: string;
  readonly hint: string | null;
}

export interface Finding extends Verdict {
  readonly check: string;
}

/** One question, answered by itself: what it throws becomes its finding, and no other check depends on it. */
export interface Check {
  readonly name: string;
  /** Whether it is asked at all; by default it is. */
  readonly appliesTo?: (parts: DoctorParts) => boolean;
  run(probe: Probe): Promise<Verdict> | Verdict;
}

export function ok(detail: string): Verdict {
  return { status: "ok", detail, hint: null };
}

export function warn(detail: string, hint: string): Verdict {
  return { status: "warn", detail, hint };
}

export function fail(detail: string, hint: string): Verdict {
  return { status: "fail", detail, hint };
}
