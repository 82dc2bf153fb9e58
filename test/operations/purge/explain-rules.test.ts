import { describe, expect, it } from "vitest";
import type { Copies, Copy } from "../../../src/operations/purge/copies.ts";
import { NO_STANDING, type Standing } from "../../../src/operations/purge/decide.ts";
import { describeCopy, type PolicyOrigins, taskRules } from "../../../src/operations/purge/explain-rules.ts";
import { limitsOf, type Plan, type RetentionPolicy } from "../../../src/operations/purge/policy.ts";
import { DAY, NOW, POLICY } from "./paper.ts";

const ORIGINS: PolicyOrigins = {
  ...{ retention: "R", retentionDone: "D", retentionError: "E", keepLast: "K", maxBytes: "M" },
};
const TOTALS: Plan = {
  ...{ kept: new Uint8Array(), forSpace: new Uint8Array(), bytes: 5000, leftBytes: 0, keptExpired: 0 },
};

const copy = (status: string, age: number): Copy => ({ status, score: NOW - age });
const done = (age: number) => copy("done", age);

interface Case {
  file?: Copies["file"];
  mirror?: Copies["mirror"];
  indexScore?: number;
  policy?: Partial<RetentionPolicy>;
  standing?: Partial<Standing>;
  newer?: number;
  totals?: Plan | null;
}

/** The rules of a case, by name: what each says, and what it saw. */
function rulesOf({ file = null, mirror = null, indexScore = Number.NaN, ...more }: Case): Record<string, string> {
  const policy = { ...POLICY, ...more.policy };
  const rules = taskRules({
    ...{ copies: { file, mirror }, indexScore, limits: limitsOf(policy, NOW), policy, origins: ORIGINS },
    ...{ standing: { ...NO_STANDING, ...more.standing }, newer: more.newer ?? -1, totals: more.totals ?? null },
  });
  return Object.fromEntries(rules.map(({ rule, says, saw }) => [rule, `${says}: ${saw}`]));
}

describe("the rules of a task", () => {
  it("come in the order of a pass; the index is checked for Redis-only tasks", () => {
    const both = ["finished", "time", "retention", "keep_last", "max_bytes"];
    expect(Object.keys(rulesOf({ file: done(1) }))).toEqual(both);
    expect(Object.keys(rulesOf({ file: done(1), mirror: done(1) }))).toEqual(both);
    expect(Object.keys(rulesOf({ mirror: done(1) }))).toEqual([...both, "index"]);
    expect(rulesOf({})).toEqual({});
    expect(Object.keys(rulesOf({ file: "invalid", mirror: done(1) }))).toEqual(["valid"]);
    expect(rulesOf({ file: "invalid", mirror: "dangling" }).valid).toMatch(/^keep: .*invalid/);
  });

  it.each<[string, Case, string]>([
    ["expired", { mirror: "dangling", indexScore: NOW - 7 * DAY }, "purge"],
    ["young", { mirror: "dangling", indexScore: NOW - 7 * DAY + 1 }, "pass"],
    ["without a score", { mirror: "dangling" }, "pass"],
  ])("a dangling member, %s", (_, given, says) => {
    const rules = rulesOf(given);
    expect(Object.keys(rules)).toEqual(["dangling"]);
    expect(rules.dangling).toMatch(new RegExp(`^${says}: .*retention 7d$`));
  });

  it.each<[string, Case, string]>([
    ["every copy", { file: done(1), mirror: copy("error", 1) }, "pass: every copy is finished"],
    ["not the file's", { file: copy("run", 1), mirror: done(1) }, "keep: a copy of it is run"],
    ["not Redis's", { file: done(1), mirror: copy("wait", 1) }, "keep: a copy of it is wait"],
    ["unknown", { file: copy("other", 1) }, "keep: a copy of it has an unknown status"],
  ])("finished: %s", (_, given, expected) => expect(rulesOf(given).finished).toBe(expected));

  it.each<[string, Case, string]>([
    ["none ahead", { file: done(0), mirror: done(9) }, "pass: no copy is in the future"],
    ["one ahead", { file: done(9), mirror: done(-7200) }, "keep: a copy is 2h in the future"],
    ["the other ahead", { file: done(-60), mirror: done(9) }, "keep: a copy is 1m in the future"],
    ["unreadable", { file: done(9), mirror: done(Number.NaN) }, "keep: the time of a copy cannot be read"],
  ])("time: %s", (_, given, expected) => expect(rulesOf(given).time).toBe(expected));

  it.each<[string, Case, string]>([
    ["expired", { file: done(8 * DAY) }, "purge: done for 8d, kept for 7d (R)"],
    ["both copies equal", { file: done(8 * DAY), mirror: done(8 * DAY) }, "purge: done for 8d, kept for 7d (R)"],
    ["at the limit", { file: done(7 * DAY) }, "purge: done for 7d, kept for 7d (R)"],
    ["a second before", { file: done(7 * DAY - 1) }, "pass: done for 6d, kept for 7d (R)"],
    [
      "one of two",
      { file: done(8 * DAY), mirror: done(DAY) },
      "pass: done for 8d, kept for 7d (R); done for 1d, kept for 7d (R)",
    ],
    ["working", { file: copy("run", 9 * DAY) }, "pass: no copy is finished"],
    ["unreadable", { mirror: done(Number.NaN) }, "pass: done at an unreadable time, kept for 7d (R)"],
    ["its own, done", { file: done(DAY), policy: { retentionDone: 3600 } }, "purge: done for 1d, kept for 1h (D)"],
    [
      "its own, error",
      { file: copy("error", DAY), policy: { retentionError: 60 } },
      "purge: error for 1d, kept for 1m (E)",
    ],
    ["of the other status", { file: done(DAY), policy: { retentionError: 60 } }, "pass: done for 1d, kept for 7d (R)"],
    [
      "never",
      { file: copy("error", 9 * DAY), policy: { retentionError: 0 } },
      "keep: tasks with status error are never purged (E)",
    ],
    [
      "never, below zero",
      { file: done(9 * DAY), policy: { retentionDone: -1 } },
      "keep: tasks with status done are never purged (D)",
    ],
    [
      "never for one of two",
      { file: done(8 * DAY), mirror: copy("error", 8 * DAY), policy: { retentionError: 0 } },
      "keep: done for 8d, kept for 7d (R); tasks with status error are never purged (E)",
    ],
  ])("retention: %s", (_, given, expected) => expect(rulesOf(given).retention).toBe(expected));

  it.each<[string, Case, string]>([
    ["not set", { newer: 3, standing: { kept: true } }, "off: not set"],
    ["not among them", { policy: { keepLast: 2 } }, "pass: not among the finished tasks of its user; keep_last 2 (K)"],
    [
      "the newest",
      { policy: { keepLast: 2 }, newer: 0, standing: { kept: true } },
      "keep: newer finished tasks of its user: 0; keep_last 2 (K)",
    ],
    ["too old", { policy: { keepLast: 2 }, newer: 2 }, "pass: newer finished tasks of its user: 2; keep_last 2 (K)"],
  ])("keep_last: %s", (_, given, expected) => expect(rulesOf({ file: done(1), ...given }).keep_last).toBe(expected));

  const room = { policy: { maxBytes: 2000 }, totals: TOTALS };
  const take = "finished tasks take 5.0 kB of 2.0 kB (M)";
  it.each<[string, Case, string]>([
    ["not set", { totals: TOTALS }, "off: not set"],
    ["not measured", { policy: { maxBytes: 2000 } }, "off: not set"],
    ["not chosen", room, `pass: ${take}`],
    ["chosen", { ...room, standing: { forSpace: NOW - DAY } }, `purge: ${take}; it is among the oldest`],
    [
      "chosen, then changed",
      { ...room, standing: { forSpace: NOW - DAY - 1 } },
      `keep: ${take}; it was chosen to free space, but has changed since`,
    ],
    [
      "chosen, one copy changed",
      { ...room, mirror: done(Number.NaN), standing: { forSpace: NOW - DAY } },
      `keep: ${take}; it was chosen to free space, but has changed since`,
    ],
  ])("max_bytes: %s", (_, given, expected) => expect(rulesOf({ file: done(DAY), ...given }).max_bytes).toBe(expected));

  it("index: a task that only Redis has is found by its member", () => {
    expect(rulesOf({ mirror: done(1) }).index).toMatch(/^keep: .*verify --repair/);
    expect(rulesOf({ mirror: done(1), indexScore: NOW - 60 }).index).toMatch(/^pass: .*1m ago$/);
  });
});

it.each<[Copies["file"] | Copies["mirror"], string]>([
  [null, "has no copy"],
  ["invalid", "has an invalid record of it"],
  ["dangling", "has an index member without a task"],
  [copy("done", 60), "done, last changed 2023-11-14T22:12:20+00:00, 1m ago"],
  [copy("wait", 0), "wait, last changed 2023-11-14T22:13:20+00:00, 0s ago"],
  [copy("run", -1), "run, last changed 2023-11-14T22:13:21+00:00, in the future"],
  [copy("other", 60), "an unknown status, last changed 2023-11-14T22:12:20+00:00, 1m ago"],
  [copy("error", Number.NaN), "error, its time cannot be read"],
])("a copy for people: %j", (given, expected) => expect(describeCopy(given, NOW)).toBe(expected));
