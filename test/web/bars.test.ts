import fc from "fast-check";
import { expect, it } from "vitest";
import type { StatusCounts } from "../../src/operations/stats/types.ts";
import { segmentsOf, topOf } from "../../web/chart/bars.ts";

const count = fc.oneof(fc.constant(0), fc.nat({ max: 20 }), fc.nat({ max: 1_000_000 }));
const counts: fc.Arbitrary<StatusCounts> = fc
  .record({ wait: count, run: count, done: count, error: count, other: count })
  .map((parts) => ({ ...parts, total: Object.values(parts).reduce((all, part) => all + part, 0) }));

it("the top of the scale is a round number, no less than any bar and not much more than the highest", () => {
  fc.assert(
    fc.property(fc.array(counts, { minLength: 1, maxLength: 24 }), (hours) => {
      const most = Math.max(1, ...hours.map(({ total }) => total));
      const top = topOf(hours);
      expect(top).toBeGreaterThanOrEqual(most);
      expect(top).toBeLessThanOrEqual(most * 1.5);
      expect(String(top)).toMatch(/^([1-9]|12|15|25)0*$/);
    }),
  );
});

it("a bar stays in the chart, its parts lie on each other, and none that counts a task is lost", () => {
  fc.assert(
    fc.property(counts, (hour) => {
      const segments = segmentsOf(hour, topOf([hour]));
      expect(segments.map(({ status }) => status).sort()).toEqual(
        (["done", "error", "other", "run", "wait"] as const).filter((status) => hour[status] > 0),
      );
      let from = 0;
      for (const segment of segments) {
        expect(segment.from).toBeCloseTo(from, 6);
        expect(segment.height).toBeGreaterThan(1);
        from += segment.height;
      }
      expect(from).toBeLessThanOrEqual(100 + 1e-6);
    }),
  );
});

it("bars grow with their counts", () => {
  const [bar] = segmentsOf({ total: 50, wait: 0, run: 0, done: 50, error: 0, other: 0 }, 100);
  expect(bar).toEqual({ status: "done", from: 0, height: 50 });
});
