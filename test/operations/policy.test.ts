import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Copies } from "../../src/operations/copies.ts";
import { type RankedTasks, rank } from "../../src/operations/purge/cleanup-plan.ts";
import { decideCleanup, limitsOf, type RetentionPolicy } from "../../src/operations/purge/rules.ts";
import type { Version } from "../../src/task/version.ts";
import "../helpers/python.ts";
import { POLICY } from "./setup.ts";

const NOW = 10_000;

/** A finished task as the rules that look at more than one see it. */
interface Row {
  user: number;
  expired: boolean;
  mayMakeRoom: boolean;
  bytes: number;
}

const anyRow: fc.Arbitrary<Row> = fc
  .record({
    ...{ user: fc.nat(3), expired: fc.boolean(), mayMakeRoom: fc.boolean() },
    bytes: fc.nat(4).map((hundreds) => hundreds * 100),
  })
  // What has expired is of a status that goes, and not from the future.
  .map((row) => ({ ...row, mayMakeRoom: row.mayMakeRoom || row.expired }));
const anyRows = fc.array(anyRow, { maxLength: 40, size: "large" });
const anyRules = fc.record({ keepLast: fc.nat(4), maxBytes: fc.nat(30).map((hundreds) => hundreds * 100) });

function tasksOf(rows: readonly Row[]): RankedTasks {
  return {
    userId: (i) => `u${rows[i]!.user}`,
    isExpired: (i) => rows[i]!.expired,
    mayMakeRoom: (i) => rows[i]!.mayMakeRoom,
  };
}

const planOf = (rows: readonly Row[], rules: Partial<RetentionPolicy>) => {
  const sizes = new Map(rows.map(({ bytes }, i) => [i, bytes]));
  return rank([...rows.keys()], tasksOf(rows), sizes, { ...POLICY, ...rules });
};
const sum = (rows: readonly Row[]) => rows.reduce((total, { bytes }) => total + bytes, 0);

describe("rank", () => {
  it("keeps exactly the newest of each user", () => {
    fc.assert(
      fc.property(anyRows, anyRules, (rows, rules) => {
        const { kept, keptExpired, newer: newerOf } = planOf(rows, rules);
        rows.forEach(({ user }, i) => {
          const newer = rows.slice(0, i).filter((other) => other.user === user).length;
          expect([kept.has(i), newerOf[i]]).toEqual([newer < rules.keepLast, newer]);
        });
        expect(keptExpired).toBe(rows.filter(({ expired }, i) => expired && kept.has(i)).length);
      }),
    );
  });

  it("makes room with the oldest purgeable tasks, and with no more than needed", () => {
    fc.assert(
      fc.property(anyRows, anyRules, (rows, rules) => {
        const { kept, forSpace, bytes, leftBytes } = planOf(rows, rules);
        const goesAnyway = (i: number) => rows[i]!.expired && !kept.has(i);
        const may = (i: number) => rows[i]!.mayMakeRoom && !rows[i]!.expired && !kept.has(i) && rows[i]!.bytes > 0;
        const left = rows.filter((_, i) => !goesAnyway(i) && !forSpace.has(i));
        expect(bytes).toBe(sum(rows));
        expect(leftBytes).toBe(sum(left));
        const chosen = rows.map((_, i) => i).filter((i) => forSpace.has(i));
        expect(chosen.every(may)).toBe(true);
        // Oldest first: whatever is older than the newest that goes, and may go, goes too.
        const newest = chosen[0] ?? rows.length;
        for (const i of rows.keys()) expect(forSpace.has(i)).toBe(may(i) && i >= newest);
        // No more than needed: without the newest of them it would not fit.
        if (chosen.length > 0) expect(leftBytes + rows[newest]!.bytes).toBeGreaterThan(rules.maxBytes);
        // As many as it takes: what is left fits, or nothing more may go.
        if (rules.maxBytes > 0 && leftBytes > rules.maxBytes) {
          expect(rows.some((_, i) => may(i) && !forSpace.has(i))).toBe(false);
        }
        if (rules.maxBytes === 0) expect(chosen).toEqual([]);
      }),
    );
  });

  it("purges with a larger limit a subset of a smaller one's", () => {
    fc.assert(
      fc.property(anyRows, anyRules, fc.integer({ min: 1, max: 900 }), (rows, rules, more) => {
        fc.pre(rules.maxBytes > 0);
        const small = planOf(rows, rules).forSpace;
        const large = planOf(rows, { ...rules, maxBytes: rules.maxBytes + more }).forSpace;
        for (const i of large) expect(small.has(i)).toBe(true);
      }),
    );
  });
});

const anyCopy: fc.Arbitrary<Version> = fc.record({
  status: fc.constantFrom("wait", "run", "done", "done", "error", "error", "other"),
  time: fc.oneof(fc.constantFrom(NOW, NOW + 1, Number.NaN), fc.integer({ min: 0, max: 12_000 })),
});
const anyCopies: fc.Arbitrary<Copies> = fc.record({
  file: fc.oneof(fc.constantFrom("invalid" as const, null), anyCopy),
  mirror: fc.oneof(fc.constantFrom("dangling" as const, null), anyCopy),
});
const anyAge = fc.oneof(fc.constantFrom(null, 0, -1), fc.integer({ min: 1, max: 11_000 }));
const anyPolicy = fc
  .record({ retention: fc.integer({ min: 1, max: 11_000 }), retentionDone: anyAge, retentionError: anyAge })
  .map((ages) => ({ ...POLICY, ...ages, keepLast: 1, maxBytes: 1 }));
const anyRank = fc.record({
  newer: fc.constantFrom(-1, 0, 1),
  forSpace: fc.oneof(fc.constantFrom(Number.NEGATIVE_INFINITY, 12_000), fc.integer({ min: 0, max: 12_000 })),
});
const decided = (copies: Copies, policy: RetentionPolicy, rank = {}) =>
  decideCleanup({
    ...{ copies, policy, limits: limitsOf(policy, NOW), indexScore: 0, finishedBytes: 1 },
    ...{ newer: -1, forSpace: Number.NEGATIVE_INFINITY, ...rank },
  });
const copiesIn = ({ file, mirror }: Copies) =>
  [file, mirror].filter((copy) => typeof copy === "object" && copy !== null);

it("a retention of 0 for a status means never, whatever the general one", () => {
  const limits = { now: NOW, done: NOW - 100, error: NOW - 100, member: NOW - 100 };
  const never = Number.NEGATIVE_INFINITY;
  expect(limitsOf({ ...POLICY, retention: 100, retentionDone: 0 }, NOW)).toEqual({ ...limits, done: never });
  expect(limitsOf({ ...POLICY, retention: 100, retentionError: 0 }, NOW)).toEqual({ ...limits, error: never });
});

describe("the second look", () => {
  it.each(["done", "error"] as const)("purges a task at exactly its retention: %s", (status) => {
    const at = (time: number) => decided({ file: { status, time }, mirror: null }, { ...POLICY, retention: 100 }).kind;
    expect([at(NOW - 100), at(NOW - 99)]).toEqual(["purge", "keep"]);
  });

  it("never purges tasks with an unfinished copy, from the future, kept, or of a status that is never purged", () => {
    fc.assert(
      fc.property(anyCopies, anyPolicy, anyRank, (copies, policy, rank) => {
        const decision = decided(copies, policy, rank);
        const present = copiesIn(copies) as Version[];
        if (decision.kind !== "purge" || present.length === 0) return;
        expect(rank.newer).not.toBe(0);
        for (const { status, time } of present) {
          expect(["done", "error"]).toContain(status);
          expect(time).toBeLessThanOrEqual(NOW);
          const own = status === "done" ? policy.retentionDone : policy.retentionError;
          expect(own ?? policy.retention).toBeGreaterThan(0);
          if (decision.reason === "expired") expect(time).toBeLessThanOrEqual(NOW - (own ?? policy.retention));
          else expect(time).toBeLessThanOrEqual(rank.forSpace);
        }
      }),
    );
  });

  it("purges with a longer retention a subset of a shorter one's", () => {
    fc.assert(
      fc.property(anyCopies, anyPolicy, fc.nat(5000), (copies, policy, more) => {
        const longer = {
          ...policy,
          retention: policy.retention + more,
          retentionDone: policy.retentionDone && policy.retentionDone + (policy.retentionDone > 0 ? more : 0),
        };
        const goes = (rules: RetentionPolicy) => decided(copies, rules).kind === "purge";
        if (goes(longer)) expect(goes(policy)).toBe(true);
      }),
    );
  });
});
