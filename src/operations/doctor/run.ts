import { within } from "../../clock.ts";
import { hasCode, systemErrorCode, TtsctlError } from "../../errors.ts";
import { FILE_CHECKS } from "./files.ts";
import { type Checks, type DoctorParts, type Finding, fail, Probe, Skip, type Verdict } from "./probe.ts";
import { REDIS_CHECKS } from "./redis.ts";
import { SETUP_CHECKS } from "./setup.ts";
import { TASK_CHECKS } from "./tasks.ts";

/** By their ids, which programs match on. */
export const CHECKS: Checks = { ...SETUP_CHECKS, ...FILE_CHECKS, ...REDIS_CHECKS, ...TASK_CHECKS };

/** Seconds that one check may take: a store of a million tasks is read well within. */
const LONGEST_S = 60;

/** Runs the checks one after the other. Redis is connected at the same time, so a silent one costs its timeout once. */
export async function* diagnose(parts: DoctorParts, checks = CHECKS, longest = LONGEST_S): AsyncGenerator<Finding> {
  await using probe = new Probe(parts);
  if (typeof parts.connect === "function") void probe.connect();
  const late = () => fail(`took more than ${longest} s`, TOO_LONG);
  const failed = (error: unknown) => verdictOfError(error, probe);
  for (const [check, run] of Object.entries(checks)) {
    const running = (async () => run(probe))();
    const verdict = await within(parts.clock, longest * 1000, running, late).catch(failed);
    if (verdict !== null) yield { check, ...verdict };
  }
}

const TOO_LONG = "the disk or a network file system may hang, or the store file is too large for this machine";

function verdictOfError(error: unknown, probe: Probe): Verdict {
  if (error instanceof Skip) return { status: "skip", detail: error.message, hint: null };
  probe.lost ||= hasCode("REDIS_TIMEOUT", "REDIS_UNAVAILABLE")(error);
  if (error instanceof TtsctlError) return { status: "fail", detail: error.message, hint: error.hint ?? null };
  if (systemErrorCode(error) !== undefined) return fail((error as Error).message, "check that the disk can be read");
  throw error;
}
