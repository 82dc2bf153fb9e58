import fc from "fast-check";
import { expect, it } from "vitest";
import type { Copies } from "../../src/operations/copies.ts";
import { decideDelete } from "../../src/operations/delete.ts";
import { NO_FILTER } from "../../src/task/query-fields.ts";
import type { Version } from "../../src/task/version.ts";
import "../helpers/python.ts";

const anyCopy: fc.Arbitrary<Version> = fc.record({
  status: fc.constantFrom("wait", "run", "done", "error", "other"),
  time: fc.oneof(fc.constantFrom(999.999999, 1000, 1000.000001, Number.NaN), fc.integer({ min: 0, max: 2000 })),
});
const anyCopies: fc.Arbitrary<Copies> = fc.record({
  file: fc.oneof(fc.constantFrom("invalid" as const, null), anyCopy),
  mirror: fc.oneof(fc.constantFrom("dangling" as const, null), anyCopy),
});

const isCopy = (copy: unknown): copy is Version => typeof copy === "object" && copy !== null;
const isWorking = ({ status }: Version) => status === "wait" || status === "run";

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

it.each([
  [3, /^its status is run,/],
  [1, /^the status of its other copy is run,/],
])("names the copy that isn't finished, changed at %d", (time, reason) => {
  const copies = { file: { status: "run", time }, mirror: { status: "error", time: 2 } };
  expect(decideDelete(copies, NO_FILTER, false)).toMatchObject({ kind: "keep", reason: expect.stringMatching(reason) });
});

const done = (time: number) => ({ status: "done", time });
const error = (time: number) => ({ status: "error", time });
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
