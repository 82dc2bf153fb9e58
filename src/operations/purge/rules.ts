import type { CleanupSettings } from "../../config/settings.ts";
import { formatAge, formatBytes, formatDuration } from "../../task/amounts.ts";
import { formatUtc, isEpochInRange } from "../../task/time.ts";
import type { Version } from "../../task/version.ts";
import { type Copies, existing, INVALID_RECORD } from "../copies.ts";

type PolicySettings = Omit<CleanupSettings, "stuckAfter">;

/** `[cleanup]` for finished tasks. Durations are seconds. */
export type RetentionPolicy = { readonly [Name in keyof PolicySettings]: PolicySettings[Name]["value"] } & {
  /** Where each value is set, for people. */
  readonly origins: Readonly<Record<keyof PolicySettings, string>>;
};

export function policyOf({ stuckAfter: _, ...settings }: CleanupSettings): RetentionPolicy {
  const of = (what: "value" | "origin") => Object.entries(settings).map(([name, setting]) => [name, setting[what]]);
  return { ...Object.fromEntries(of("value")), origins: Object.fromEntries(of("origin")) };
}

export type Limits = Readonly<ReturnType<typeof limitsOf>>;

/**
 * The times that one pass compares copies with, epoch seconds. A task with the status done or error has expired if it last changed at or
 * before that time (-Infinity: it never expires), and a member without a task if its score is not after `member`.
 */
export function limitsOf({ retention, retentionDone, retentionError }: RetentionPolicy, now: number) {
  const limit = (age: number) => (age > 0 ? now - age : NEVER);
  const member = now - retention;
  return { now, done: limit(retentionDone ?? retention), error: limit(retentionError ?? retention), member };
}

export const NEVER = Number.NEGATIVE_INFINITY;

export function shortestRetention({ retention, retentionDone, retentionError }: RetentionPolicy): number {
  return Math.min(...[retention, retentionDone ?? retention, retentionError ?? retention].filter((age) => age > 0));
}

export function latestLimit({ done, error, member }: Limits): number {
  return Math.max(done, error, member);
}

export function isFinished({ status }: Version): boolean {
  return status === "done" || status === "error";
}

/** A copy with an unreadable time is never expired. */
export function isExpired(copy: Version, limits: Limits): boolean {
  return copy.time <= limitFor(copy, limits);
}

function limitFor({ status }: Version, limits: Limits): number {
  return status === "done" ? limits.done : status === "error" ? limits.error : NEVER;
}

/** Whether a copy may be purged before its retention: finished, of a status that expires, not from after `now`. */
export function mayMakeRoom(copy: Version, limits: Limits): boolean {
  return limitFor(copy, limits) !== NEVER && copy.time <= limits.now;
}

/** The rules by which a task is purged: `reason=` in its `[CLEANUP]` line. */
export type Reason = "expired" | "max-bytes" | "dangling" | "deleted";

/** `candidate`: at least one copy alone would be purged; `unfinished`: only force purges it. `gone`: the task is in neither store. */
export type Decision =
  | { readonly kind: "purge"; readonly reason: Reason }
  | { readonly kind: "keep"; readonly reason: string; readonly candidate: boolean; readonly unfinished?: true }
  | { readonly kind: "gone" };

/** What one rule says of a task. `keep` overrules `purge`; `pass`: the rule decides nothing; `off`: it is not set. */
export interface Verdict {
  readonly rule: string;
  readonly says: "keep" | "purge" | "pass" | "off";
  saw(): string;
}

export interface Evidence {
  readonly copies: Copies;
  /** The task's score in the index of Redis; NaN if it is not there. */
  readonly indexScore: number;
  readonly limits: Limits;
  readonly policy: RetentionPolicy;
  /** How many finished tasks of its user are newer; -1 if it isn't finished, or if no rule asks. */
  readonly newer: number;
  /** It is purged for `max_bytes` unless it changed after this time, epoch seconds; -Infinity: it is kept. */
  readonly forSpace: number;
  /** The size of the artifacts of all finished tasks; null if it wasn't measured. */
  readonly finishedBytes: number | null;
}

type Rule = (evidence: Evidence, present: readonly Version[]) => [says: Verdict["says"], saw: () => string];

/** The rules on this task, in the order of a pass. */
export function verdictsOn(evidence: Evidence): Verdict[] {
  const { copies } = evidence;
  const present = existing(copies);
  if (copies.file === "invalid") return [verdict("valid", "keep", () => INVALID_RECORD)];
  if (present.length === 0) return copies.mirror === "dangling" ? [danglingRule(evidence)] : [];
  const verdicts = Object.entries(RULES).map(([name, rule]) => verdict(name, ...rule(evidence, present)));
  return copies.file === null ? [...verdicts, indexRule(evidence)] : verdicts;
}

const PURGES: Record<string, Reason> = { retention: "expired", max_bytes: "max-bytes", dangling: "dangling" };

/** The second look of docs/contract.md, Cleanup. What `keep_last` keeps, and a young member without a task, isn't a candidate. */
export function decideCleanup(evidence: Evidence): Decision {
  const { copies, limits, forSpace } = evidence;
  const verdicts = verdictsOn(evidence);
  if (verdicts.length === 0) return { kind: "gone" };
  const purges = verdicts.find(({ says }) => says === "purge");
  const keeps = verdicts.find(({ says, rule }) => says === "keep" && rule !== "index");
  if (purges !== undefined && keeps === undefined) return { kind: "purge", reason: PURGES[purges.rule]! };
  const isChosen =
    existing(copies).some((copy) => isExpired(copy, limits)) ||
    (copies.mirror === "dangling" && copies.file !== null) ||
    forSpace !== NEVER;
  const isKept = verdicts.some(({ says, rule }) => says === "keep" && rule === "keep_last");
  return { kind: "keep", reason: keeps?.saw() ?? "a copy of it isn't expired", candidate: isChosen && !isKept };
}

export function verdict(rule: string, says: Verdict["says"], saw: () => string): Verdict {
  return { rule, says, saw };
}

/** On a task of which there is a copy, in the order of a pass. */
const RULES: Readonly<Record<string, Rule>> = {
  finished: (_, present) => {
    const working = present.find((copy) => !isFinished(copy));
    if (working === undefined) return ["pass", () => "every copy that was read is finished"];
    const status = working.status === "other" ? "has an unknown status" : `is ${working.status}`;
    return ["keep", () => `a copy of it ${status}`];
  },

  time: ({ limits: { now } }, present) => {
    if (present.some(({ time }) => Number.isNaN(time))) return ["keep", () => "the time of a copy cannot be read"];
    const ahead = Math.max(...present.map(({ time }) => time)) - now;
    if (ahead > 0) return ["keep", () => `a copy is ${formatAge(ahead)} in the future`];
    return ["pass", () => "no copy is in the future"];
  },

  retention: ({ limits, policy }, present) => {
    const finished = present.filter(isFinished);
    const saw = () => {
      const parts = finished.map(({ status, time }) => {
        const name = status === "done" ? "retentionDone" : "retentionError";
        const retention = policy[name] ?? policy.retention;
        const origin = policy.origins[policy[name] === null ? "retention" : name];
        if (retention <= 0) return `tasks with status ${status} are never purged (${origin})`;
        const age = Number.isNaN(time) ? "at an unreadable time" : `for ${formatAge(limits.now - time)}`;
        return `${status} ${age}, kept for ${formatDuration(retention)} (${origin})`;
      });
      return [...new Set(parts)].join("; ") || "no copy is finished";
    };
    if (finished.some((copy) => limitFor(copy, limits) === NEVER)) return ["keep", saw];
    const expired = present.every((copy) => isExpired(copy, limits));
    return [expired ? "purge" : "pass", saw];
  },

  keep_last: ({ policy: { keepLast, origins }, newer }, present) => {
    if (keepLast === 0) return ["off", () => "not set"];
    const isKept = newer >= 0 && newer < keepLast && present.every(isFinished);
    const place = newer < 0 ? "not among the finished tasks of its user" : `newer finished tasks of its user: ${newer}`;
    return [isKept ? "keep" : "pass", () => `${place}; keep_last ${keepLast} (${origins.keepLast})`];
  },

  max_bytes: ({ policy: { maxBytes, origins }, forSpace, finishedBytes }, present) => {
    if (maxBytes === 0 || finishedBytes === null) return ["off", () => "not set"];
    const saw = () =>
      `finished tasks take ${formatBytes(finishedBytes)} of ${formatBytes(maxBytes)} (${origins.maxBytes})`;
    if (forSpace === NEVER) return ["pass", saw];
    const changed = present.some(({ time }) => !(time <= forSpace));
    if (changed) return ["keep", () => `${saw()}; it was chosen to free space, but has changed since`];
    return ["purge", () => `${saw()}; it is among the oldest`];
  },
};

function danglingRule({ indexScore, limits, policy }: Evidence): Verdict {
  return verdict("dangling", indexScore <= limits.member ? "purge" : "pass", () => {
    const retention = formatDuration(policy.retention);
    return `an index member without a task, ${describeTime(indexScore, limits.now)}; retention ${retention}`;
  });
}

function indexRule({ indexScore, limits }: Evidence): Verdict {
  if (Number.isNaN(indexScore))
    return verdict("index", "keep", () => "the index has no member for it; ttsctl verify --repair adds one");
  return verdict("index", "pass", () => `its score in the index: ${describeTime(indexScore, limits.now)}`);
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
