import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Copies, Copy } from "../../src/operations/purge/copies.ts";
import { decideCleanup, decideDelete } from "../../src/operations/purge/decide.ts";
import { NO_FILTER } from "../../src/task/query-fields.ts";
import "../helpers/python.ts";

const EXPIRE_BEFORE = 1000;
const LIMITS = { now: 5000, done: EXPIRE_BEFORE, error: EXPIRE_BEFORE, member: EXPIRE_BEFORE };

const anyCopy: fc.Arbitrary<Copy> = fc.record({
  status: fc.constantFrom("wait", "run", "done", "error", "other"),
  score: fc.oneof(fc.constantFrom(999.999999, 1000, 1000.000001, Number.NaN), fc.integer({ min: 0, max: 2000 })),
});
const anyCopies: fc.Arbitrary<Copies> = fc.record({
  file: fc.oneof(fc.constantFrom("invalid" as const, null), anyCopy),
  mirror: fc.oneof(fc.constantFrom("dangling" as const, null), anyCopy),
});

const isCopy = (copy: unknown): copy is Copy => typeof copy === "object" && copy !== null;
const isTerminal = ({ status }: Copy) => status === "done" || status === "error";
const isWorking = ({ status }: Copy) => status === "wait" || status === "run";
const goes = (copy: Copy) => isTerminal(copy) && copy.score <= EXPIRE_BEFORE;

describe("decideCleanup", () => {
  it("never purges a task unless every copy that exists is terminal and expired", () => {
    fc.assert(
      fc.property(anyCopies, (copies) => {
        const present = [copies.file, copies.mirror].filter(isCopy);
        const decision = decideCleanup(copies, LIMITS);
        if (decision.kind !== "purge") return;
        expect(copies.file).not.toBe("invalid");
        expect(present.every(goes)).toBe(true);
        expect(present.length > 0 || copies.mirror === "dangling").toBe(true);
      }),
    );
  });

  it("purges tasks of which every copy may be purged, and counts those with one such copy as candidates", () => {
    fc.assert(
      fc.property(anyCopies, (copies) => {
        const present = [copies.file, copies.mirror].filter(isCopy);
        const decision = decideCleanup(copies, LIMITS);
        const candidate = present.some(goes) || copies.mirror === "dangling";
        const mayGo = copies.file !== "invalid" && candidate && present.every(goes);
        expect(decision.kind === "purge").toBe(mayGo);
        if (decision.kind === "keep") expect(decision.candidate).toBe(candidate);
        if (decision.kind === "gone") expect(copies).toEqual({ file: null, mirror: null });
      }),
    );
  });

  it.each([
    { what: "exactly at the limit", file: { status: "done", score: 1000 }, mirror: null, kind: "purge" },
    { what: "a microsecond after it", file: { status: "done", score: 1000.000001 }, mirror: null, kind: "keep" },
    {
      what: "requeued in Redis",
      file: { status: "done", score: 1 },
      mirror: { status: "wait", score: 2000 },
      kind: "keep",
    },
    {
      what: "requeued long ago in Redis",
      file: { status: "done", score: 1 },
      mirror: { status: "run", score: 1 },
      kind: "keep",
    },
    { what: "an unknown status", file: { status: "other", score: 1 }, mirror: null, kind: "keep" },
    {
      what: "an unreadable time in Redis",
      file: { status: "done", score: 1 },
      mirror: { status: "done", score: Number.NaN },
      kind: "keep",
    },
    { what: "an invalid twin in the file", file: "invalid", mirror: { status: "done", score: 1 }, kind: "keep" },
    { what: "only a member", file: null, mirror: "dangling", kind: "purge" },
    { what: "a member and a young record", file: { status: "done", score: 2000 }, mirror: "dangling", kind: "keep" },
    { what: "nothing at all", file: null, mirror: null, kind: "gone" },
  ] as const)("$what: $kind", ({ file, mirror, kind }) => {
    expect(decideCleanup({ file, mirror }, LIMITS).kind).toBe(kind);
  });
});

describe("decideCleanup says why", () => {
  const old = { status: "done", score: 1 };
  const young = { status: "done", score: 2000 };
  const running = { status: "run", score: 1 };
  const plan = (kept: boolean, forSpace = Number.NEGATIVE_INFINITY) => ({ kept, forSpace });
  const keep = (candidate: boolean, reason: string) => ({
    kind: "keep",
    candidate,
    reason: expect.stringMatching(reason),
  });

  it.each<[string, Copies, ReturnType<typeof plan>, object]>([
    ["expired", { file: old, mirror: old }, plan(false), { kind: "purge", reason: "expired" }],
    ["dangling", { file: null, mirror: "dangling" }, plan(false), { kind: "purge", reason: "dangling" }],
    ["to free space", { file: young, mirror: null }, plan(false, 2000), { kind: "purge", reason: "max-bytes" }],
    ["changed since", { file: young, mirror: null }, plan(false, 1999), keep(true, "^it changed after")],
    ["one copy changed", { file: young, mirror: running }, plan(false, 2000), keep(true, "^it changed after")],
    ["kept", { file: old, mirror: old }, plan(true), keep(false, "keep_last")],
    ["kept, and was to free space", { file: young, mirror: null }, plan(true, 2000), keep(false, "keep_last")],
    ["kept, but it works again", { file: old, mirror: running }, plan(true), keep(true, "^a copy of it isn.t")],
    ["young", { file: young, mirror: null }, plan(false), keep(false, "^a copy of it isn.t")],
    ["one copy young", { file: old, mirror: young }, plan(false), keep(true, "^a copy of it isn.t")],
    ["invalid", { file: "invalid", mirror: old }, plan(false), keep(true, "invalid record")],
    ["invalid, and nothing else", { file: "invalid", mirror: null }, plan(false), keep(false, "invalid record")],
    ["invalid, and chosen for space", { file: "invalid", mirror: null }, plan(false, 5), keep(true, "invalid record")],
  ])("%s", (_, copies, standing, expected) => expect(decideCleanup(copies, LIMITS, standing)).toEqual(expected));
});

describe("decideDelete says why", () => {
  const done = (score: number) => ({ status: "done", score });
  const error = (score: number) => ({ status: "error", score });
  const errors = { ...NO_FILTER, statuses: new Set(["error"]) };

  it.each<[Copies, string]>([
    [{ file: "invalid", mirror: null }, "invalid record"],
    [{ file: done(1), mirror: null }, "^its only copy, which is done, doesn't match the selection$"],
    [{ file: null, mirror: done(1) }, "^its only copy, which is done, doesn't match the selection$"],
    [{ file: done(1), mirror: "dangling" }, "^its only copy, which is done, doesn't match the selection$"],
    [{ file: error(1), mirror: done(2) }, "^its copies differ, and the one that counts, in Redis, is done$"],
    [{ file: done(2), mirror: error(1) }, "^its copies differ, and the one that counts, in the file, is done$"],
    [{ file: { status: "run", score: 2 }, mirror: error(3) }, "^its status is run,.*--force"],
  ])("%j stays", (copies, reason) => {
    const expected = { kind: "keep", candidate: true, reason: expect.stringMatching(reason) };
    expect(decideDelete(copies, errors, false)).toEqual(expected);
  });

  it("and each deleted task was chosen, or isn't a task", () => {
    expect(decideDelete({ file: error(1), mirror: null }, errors, false)).toEqual({ kind: "purge", reason: "deleted" });
    const dangling = { kind: "purge", reason: "dangling" };
    expect(decideDelete({ file: null, mirror: "dangling" }, errors, false)).toEqual(dangling);
    expect(decideDelete({ file: null, mirror: null }, errors, false)).toEqual({ kind: "gone" });
  });
});

describe("decideDelete", () => {
  it("deletes tasks that don't wait or run in any copy, of any age; with force all", () => {
    fc.assert(
      fc.property(anyCopies, fc.boolean(), (copies, force) => {
        const present = [copies.file, copies.mirror].filter(isCopy);
        const decision = decideDelete(copies, NO_FILTER, force);
        if (copies.file === "invalid") expect(decision.kind).toBe("keep");
        else if (present.length === 0) expect(decision.kind).toBe(copies.mirror === "dangling" ? "purge" : "gone");
        else expect(decision.kind).toBe(force || !present.some(isWorking) ? "purge" : "keep");
      }),
    );
  });

  const done = (score: number) => ({ status: "done", score });
  const error = (score: number) => ({ status: "error", score });
  it.each([
    { what: "both copies as chosen", file: error(1), mirror: error(1), kind: "purge" },
    { what: "an older copy in Redis that is not", file: error(2), mirror: done(1), kind: "purge" },
    { what: "a newer copy in Redis that is not", file: error(1), mirror: done(2), kind: "keep" },
    { what: "a newer copy in the file that is not", file: done(2), mirror: error(1), kind: "keep" },
    { what: "a newer copy in Redis alone that is", file: done(1), mirror: error(2), kind: "purge" },
    { what: "copies of one time, as the file is chosen", file: error(1), mirror: done(1), kind: "purge" },
    { what: "copies of one time, as the file is not chosen", file: done(1), mirror: error(1), kind: "keep" },
    { what: "a copy whose time cannot be read", file: error(1), mirror: done(Number.NaN), kind: "keep" },
    { what: "the file alone, which changed", file: done(1), mirror: null, kind: "keep" },
    { what: "Redis alone", file: null, mirror: error(1), kind: "purge" },
    { what: "later than was asked for", file: error(11), mirror: error(11), kind: "keep" },
  ] as const)("chosen as error before 10, $what: $kind", ({ file, mirror, kind }) => {
    const filter = { ...NO_FILTER, statuses: new Set(["error"]), until: 10 };
    expect(decideDelete({ file, mirror }, filter, true).kind).toBe(kind);
  });
});
