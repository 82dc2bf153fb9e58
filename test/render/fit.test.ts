import fc from "fast-check";
import { expect, it } from "vitest";
import { fitColumns, GAP, type Room } from "../../src/render/table.ts";

const room = (full: number, least: number, mayGo = true): Room => ({ full, least: Math.min(full, least), mayGo });

it("fitColumns never takes more than there is, and leaves out only what may go", () => {
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
