import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Rows } from "../../../src/store/file/rows.ts";
import { KeyTable } from "../../../src/store/key-table.ts";
import { anyChar } from "../../helpers/any-char.ts";
import { askPython } from "../../helpers/python.ts";

const text = fc.oneof(
  fc.constantFrom("a", "b", "ab", "A", "a ", "a:", "a.", "é", "\uffee", "🙂", "\u{10ffff}", "用户"),
  fc.string({ unit: anyChar, minLength: 1, maxLength: 4 }),
);
const score = fc.oneof(
  fc.constantFrom(0, -0, 1, 1.000_001, -1, 1_704_067_200.123_456),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const row = fc.tuple(
  score,
  text.filter((user) => !user.includes(":")),
  text,
);

function rowsOf(all: readonly [number, string, string][]): Rows {
  const rows = new Rows(false, new KeyTable());
  for (const [score, user, task] of all) rows.addTask(0, 1, rows.keys.addId(user, task), 0, score);
  return rows;
}

const unique = (all: [number, string, string][]) => [
  ...new Map(all.map((one) => [`${one[1]}:${one[2]}`, one])).values(),
];

describe("the order of tasks", () => {
  test("is Python's sort by time and member bytes, descending", { tags: ["slow"] }, () => {
    const samples = fc.sample(fc.array(row, { maxLength: 3000, minLength: 3000 }), 1)[0]!;
    const all = unique(samples);
    expect(all.length).toBeGreaterThan(100);
    const rows = rowsOf(all);
    const sorted = all.map((_, i) => i).sort((a, b) => rows.compare(a, b));
    expect(sorted).toEqual(askPython<number[]>(new URL("order.py", import.meta.url), all));
  });

  test("is total: one of two comes first, and of three the first of the first", () => {
    fc.assert(
      fc.property(fc.array(row, { minLength: 2, maxLength: 12 }), (samples) => {
        const all = unique(samples);
        const rows = rowsOf(all);
        const sign = (a: number, b: number) => Math.sign(rows.compare(a, b));
        for (let a = 0; a < all.length; a++) {
          for (let b = 0; b < all.length; b++) {
            expect(sign(a, b) + sign(b, a)).toBe(0);
            expect(sign(a, b) === 0).toBe(a === b);
            for (let c = 0; c < all.length; c++) if (sign(a, b) < 0 && sign(b, c) < 0) expect(sign(a, c)).toBe(-1);
          }
        }
      }),
    );
  });
});
