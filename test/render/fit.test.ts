import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fitColumns, GAP, type Room } from "../../src/render/table.ts";

const room = (full: number, round: number, more: Partial<Room> = {}): Room => ({
  ...{ full, least: Math.min(full, 10), round, mayGo: round < 3 },
  ...more,
});
const USER = room(5, 3);
const TASK = room(12, 3, { least: 6 });
const STATUS = room(6, 4, { least: 5 });
const TIME = room(26, 2, { short: 19, least: 1 });
const ERROR = room(30, 1);
const TEXT = room(60, 0);
const ROW = [USER, TASK, STATUS, TIME, ERROR, TEXT];

describe("fitColumns", () => {
  it.each([
    [null, [5, 12, 6, 26, 30, 60]],
    [149, [5, 12, 6, 26, 30, 60]],
    [120, [5, 12, 6, 26, 30, 31]],
    [90, [5, 12, 6, 26, 21, 10]], // texts give way first, then errors
    [76, [5, 12, 6, 19, 14, 10]], // then fractions, and what that frees goes back
    [64, [5, 11, 6, 19, 13, null].map((w, i) => (i === 1 ? 12 : i === 4 ? 14 : w))], // a text without room is left out
    [50, [5, 12, 6, 19, null, null]],
    [44, [5, 8, 6, 19, null, null]], // ids are shortened before times go
    [30, [5, 12, 6, null, null, null]],
    [12, [2, 3, 3, null, null, null]],
  ])("in %s columns", (available, widths) => {
    expect(fitColumns(ROW, available)).toEqual(widths);
  });

  it("never takes more than there is, and never less than it must if there is enough", () => {
    const column = fc.record({
      full: fc.integer({ min: 1, max: 60 }),
      round: fc.nat(4),
      least: fc.integer({ min: 1, max: 12 }),
    });
    const rooms = fc.array(
      column.map(({ full, round, least }) => room(full, round, { least: Math.min(full, least) })),
      { minLength: 1, maxLength: 9 },
    );
    fc.assert(
      fc.property(rooms, fc.integer({ min: 30, max: 200 }), (columns, available) => {
        const widths = fitColumns(columns, available);
        const shown = widths.filter((width) => width !== null);
        expect(shown.reduce((sum, width) => sum + width + GAP, -GAP)).toBeLessThanOrEqual(available);
        widths.forEach((width, i) => {
          if (width === null) expect(columns[i]!.mayGo).toBe(true);
          else expect(width).toBeLessThanOrEqual(columns[i]!.full);
        });
      }),
    );
  });
});
