import fc from "fast-check";
import stringWidth from "string-width";
import { describe, expect, it } from "vitest";
import { type Progress, progressLine } from "../../src/render/progress.ts";

const HALF: Progress = { label: "syncing", done: 450_000, total: 1_000_000, from: 50_000, seconds: 10 };

describe("the line of progress", () => {
  it.each<[number, string]>([
    [120, "syncing  [##############----------------] 45%  450,000 of 1,000,000  40,000/s  13s left"],
    [80, "syncing  [##########-------------] 45%  450,000 of 1,000,000  40,000/s  13s left"],
    [60, "syncing  [######-------] 45%  450,000 of 1,000,000  40,000/s"],
    [40, "syncing  [###########--------------] 45%"],
    [20, "syncing  45%"],
    [8, "syncing…"],
  ])("in %i columns shows what there is room for", (width, line) => {
    expect(progressLine(HALF, width)).toBe(line);
  });

  it("fits any terminal, whatever the numbers", () => {
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
});
