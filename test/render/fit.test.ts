import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fitColumns, GAP, type Room } from "../../src/render/table.ts";

const room = (full: number, least: number, mayGo = true): Room => ({ full, least: Math.min(full, least), mayGo });
const [USER, TASK, STATUS] = [room(5, 5, false), room(12, 12, false), room(6, 6, false)];
const ROW = [USER, TASK, STATUS, room(26, 26), room(30, 10), room(60, 10)];

describe("fitColumns", () => {
  it.each([
    [null, [5, 12, 6, 26, 30, 60]],
    [149, [5, 12, 6, 26, 30, 60]],
    [120, [5, 12, 6, 26, 30, 31]], // the widest gives way first
    [90, [5, 12, 6, 26, 15, 16]],
    [78, [5, 12, 6, 26, 21, null]], // a text without room is left out, the last one first
    [55, [5, 12, 6, 26, null, null]],
    [54, [5, 12, 6, null, null, null]],
    [12, [2, 3, 3, null, null, null]],
  ])("in %s columns", (available, widths) => {
    expect(fitColumns(ROW, available)).toEqual(widths);
  });

  it("never takes more than there is, and leaves out only what may go", () => {
    const size = fc.integer({ min: 1, max: 60 });
    const rooms = fc.array(fc.tuple(size, size, fc.boolean()), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(rooms, fc.integer({ min: 30, max: 200 }), (sizes, available) => {
        const columns = sizes.map(([full, least, mayGo]) => room(full, least, mayGo));
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
