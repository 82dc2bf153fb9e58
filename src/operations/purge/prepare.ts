import type { Artifacts } from "../../artifacts/artifacts.ts";
import type { Clock } from "../../clock.ts";
import type { TtsctlError } from "../../errors.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import type { MirrorUse } from "../mirror-use.ts";
import type { Reporter } from "../reporter.ts";
import { checkClock, checkReading, storeEmpty } from "../safety.ts";
import { storeMismatch } from "../same-store.ts";
import { CleanupPlan } from "./cleanup-plan.ts";
import type { Decision } from "./decide.ts";
import type { Looked } from "./looked.ts";
import { type RetentionPolicy, shortestRetention } from "./policy.ts";
import type { Survey } from "./survey.ts";

export interface PrepareOptions extends RetentionPolicy {
  /** An empty store file beside a Redis with tasks is meant. */
  readonly allowEmpty: boolean;
}

/** A pass up to its first change: what it would look at, and decide. */
export interface Prepared {
  readonly snapshot: Snapshot;
  readonly plan: CleanupPlan;
  readonly found: Survey;
  /** Why nothing may be purged, or null. */
  readonly refusal: TtsctlError | null;
  /** The second look, and with a refusal nothing more than that. */
  decide(task: Looked): Decision;
}

/** @throws TtsctlError CLOCK_SKEW, LAYOUT_MISMATCH, TIMEZONE_MISMATCH */
export async function checkClocks(mirror: Mirror | null, clock: Clock, policy: RetentionPolicy): Promise<void> {
  if (mirror === null) return;
  await checkClock(mirror, clock, shortestRetention(policy));
  await checkReading(mirror);
}

/** Looks at both stores, and where `max_bytes` asks for it at the disk. @param now epoch seconds, one for the pass */
export async function prepare(
  parts: { readonly artifacts: Artifacts; readonly reporter: Reporter },
  snapshot: Snapshot,
  use: MirrorUse,
  options: PrepareOptions,
  now: number,
): Promise<Prepared> {
  const plan = await CleanupPlan.make(parts, snapshot, use, options, now);
  const found = await use.attempt((mirror) => plan.survey(mirror));
  const refusal =
    refusedAsEmpty(snapshot, found, options.allowEmpty) ??
    (await use.attempt(async (mirror) => mirror && storeMismatch(snapshot, mirror, now - options.retention)));
  const decide = (task: Looked): Decision => {
    const decision = plan.decide(task);
    if (refusal === null || decision.kind !== "purge") return decision;
    return { kind: "keep", reason: refusal.message, candidate: true };
  };
  return { snapshot, plan, found, refusal, decide };
}

/** While Redis has tasks, a missing or empty store file purges nothing: it may be the wrong folder or a lost disk. */
function refusedAsEmpty(snapshot: Snapshot, found: Survey, allowEmpty: boolean): TtsctlError | null {
  if (snapshot.size > 0 || found.members === 0 || allowEmpty) return null;
  return storeEmpty(snapshot, ` while Redis has ${found.members}: nothing was purged`);
}
