import { formatAge, formatBytes, formatDuration } from "../../task/amounts.ts";
import { formatUtc, isEpochInRange } from "../../task/time.ts";
import type { Version } from "../../task/version.ts";
import type { Copies } from "./copies.ts";
import type { Standing } from "./decide.ts";
import { existing, isExpired, isFinished, type Limits, limitFor, type Plan, type RetentionPolicy } from "./policy.ts";

/** `keep` overrules `purge`; `pass`: the rule decides nothing; `off`: it is not set. */
export interface RuleSays {
  readonly rule: string;
  readonly says: "keep" | "purge" | "pass" | "off";
  readonly saw: string;
}

/** The sources of the policy's values, for people. */
export type PolicyOrigins = Readonly<Record<keyof RetentionPolicy, string>>;

export interface Evidence {
  readonly copies: Copies;
  /** The task's score in the index of Redis; NaN if it is not there. */
  readonly indexScore: number;
  readonly limits: Limits;
  readonly policy: RetentionPolicy;
  readonly origins: PolicyOrigins;
  readonly standing: Standing;
  /** As `CleanupPlan.newerOfUser`. */
  readonly newer: number;
  readonly totals: Plan | null;
}

/** The rules on this task, in the order of a pass. */
export function taskRules(evidence: Evidence): RuleSays[] {
  const { copies, limits } = evidence;
  const present = existing(copies);
  if (copies.file === "invalid") {
    return [says("valid", "keep", "the file holds an invalid record of it, which is left alone")];
  }
  if (present.length === 0) return copies.mirror === "dangling" ? [danglingRule(evidence)] : [];
  return [
    finishedRule(present),
    futureRule(present, limits),
    retentionRule(present, evidence),
    keepLastRule(evidence),
    maxBytesRule(present, evidence),
    ...(copies.file === null ? [indexRule(evidence)] : []),
  ];
}

export function describeCopy(copy: Copies["file"] | Copies["mirror"], now: number): string {
  if (copy === null) return "has no copy";
  if (copy === "invalid") return "has an invalid record of it";
  if (copy === "dangling") return "has an index member without a task";
  const status = copy.status === "other" ? "an unknown status" : copy.status;
  return `${status}, ${describeTime(copy.time, now)}`;
}

function describeTime(score: number, now: number): string {
  if (!isEpochInRange(score)) return "its time cannot be read";
  const age = score > now ? "in the future" : `${formatAge(now - score)} ago`;
  return `last changed ${formatUtc(score)}, ${age}`;
}

export function says(rule: string, says: RuleSays["says"], saw: string): RuleSays {
  return { rule, says, saw };
}

function danglingRule({ indexScore, limits, policy }: Evidence): RuleSays {
  const expired = indexScore <= limits.member;
  const saw = `an index member without a task, ${describeTime(indexScore, limits.now)}; retention ${formatDuration(policy.retention)}`;
  return says("dangling", expired ? "purge" : "pass", saw);
}

function finishedRule(present: readonly Version[]): RuleSays {
  const working = present.find((copy) => !isFinished(copy));
  if (working === undefined) return says("finished", "pass", "every copy is finished");
  if (working.status === "other") return says("finished", "keep", "a copy of it has an unknown status");
  return says("finished", "keep", `a copy of it is ${working.status}`);
}

function futureRule(present: readonly Version[], { now }: Limits): RuleSays {
  if (present.some(({ time }) => Number.isNaN(time))) return says("time", "keep", "the time of a copy cannot be read");
  const ahead = Math.max(...present.map(({ time }) => time)) - now;
  if (ahead > 0) return says("time", "keep", `a copy is ${formatAge(ahead)} in the future`);
  return says("time", "pass", "no copy is in the future");
}

function retentionRule(present: readonly Version[], { limits, policy, origins }: Evidence): RuleSays {
  const finished = present.filter(isFinished);
  const parts = finished.map(({ status, time }) => {
    const name = status === "done" ? "retentionDone" : "retentionError";
    const retention = policy[name] ?? policy.retention;
    const origin = origins[policy[name] === null ? "retention" : name];
    if (retention <= 0) return `tasks with status ${status} are never purged (${origin})`;
    const age = Number.isNaN(time)
      ? `${status} at an unreadable time`
      : `${status} for ${formatAge(limits.now - time)}`;
    return `${age}, kept for ${formatDuration(retention)} (${origin})`;
  });
  const saw = [...new Set(parts)].join("; ") || "no copy is finished";
  const never = finished.some((copy) => limitFor(copy, limits) === Number.NEGATIVE_INFINITY);
  if (never) return says("retention", "keep", saw);
  const expired = present.every((copy) => isExpired(copy, limits));
  return says("retention", expired ? "purge" : "pass", saw);
}

function keepLastRule({ policy: { keepLast }, origins, standing, newer }: Evidence): RuleSays {
  if (keepLast === 0) return says("keep_last", "off", "not set");
  const limit = `keep_last ${keepLast} (${origins.keepLast})`;
  if (newer < 0) return says("keep_last", "pass", `not among the finished tasks of its user; ${limit}`);
  const saw = `newer finished tasks of its user: ${newer}; ${limit}`;
  return says("keep_last", standing.kept ? "keep" : "pass", saw);
}

function maxBytesRule(
  present: readonly Version[],
  { policy: { maxBytes }, origins, standing, totals }: Evidence,
): RuleSays {
  if (maxBytes === 0 || totals === null) return says("max_bytes", "off", "not set");
  const saw = `finished tasks take ${formatBytes(totals.bytes)} of ${formatBytes(maxBytes)} (${origins.maxBytes})`;
  if (standing.forSpace === Number.NEGATIVE_INFINITY) return says("max_bytes", "pass", saw);
  const changed = present.some(({ time }) => !(time <= standing.forSpace));
  if (changed) return says("max_bytes", "keep", `${saw}; it was chosen to free space, but has changed since`);
  return says("max_bytes", "purge", `${saw}; it is among the oldest`);
}

function indexRule({ indexScore, limits }: Evidence): RuleSays {
  if (Number.isNaN(indexScore))
    return says("index", "keep", "the index has no member for it; ttsctl verify --repair adds one");
  return says("index", "pass", `its score in the index: ${describeTime(indexScore, limits.now)}`);
}
