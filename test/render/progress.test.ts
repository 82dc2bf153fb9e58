import fc from "fast-check";
import stringWidth from "string-width";
import { expect, it } from "vitest";
import { progressLine } from "../../src/render/item-lines.ts";

it("the line of progress fits any terminal, whatever the numbers", () => {
  const counts = fc.integer({ min: 0, max: 2_000_000_000 });
  const labels = fc.constantFrom("syncing", "同步", "👩‍👩‍👧 x");
  const progresses = fc.record({
    label: labels,
    done: counts,
    total: counts,
    from: counts,
    seconds: fc.double({ min: 0, max: 1e9, noNaN: true }),
  });
  fc.assert(
    fc.property(progresses, fc.integer({ min: 1, max: 200 }), (progress, width) => {
      const line = progressLine(progress, width);
      expect(stringWidth(line)).toBeLessThanOrEqual(width);
      expect(line).not.toMatch(/NaN|Infinity|-\d/);
    }),
  );
});
