import fc from "fast-check";
import { expect, test } from "vitest";
import { TimeReader, Zone } from "../../src/task/time.ts";
import { timeLike } from "../../src/task/touch.ts";

const SHANGHAI = new Zone("Asia/Shanghai");
const NOW = 1_764_000_000.25;

test.each([
  ['"2020-01-01T08:00:00"', '"2025-11-25T00:00:00.250000"'],
  ['"2020-01-01 08:00:00.5"', '"2025-11-25 00:00:00.250000"'],
  ['"2020-01-01"', '"2025-11-25T00:00:00.250000"'],
  ['"2020-01-01T08:00:00-05:30"', '"2025-11-24T10:30:00.250000-05:30"'],
  ['"2020-01-01T08:00:00+02"', '"2025-11-24T18:00:00.250000+02"'],
  ['"2020-01-01T08:00:00-020030"', '"2025-11-24T13:59:30.250000-020030"'],
  ['"2020-01-01T08:00:00.123Z"', '"2025-11-24T16:00:00.250Z"'],
  ['"2020-01-01T08:00:00Z"', '"2025-11-24T16:00:00.250000Z"'],
  ["1577865600", "1764000000"],
  ["1577865600.5", "1764000000.25"],
  ["1.5e9", "1764000000.25"],
])("like %s: %s", (like, text) => {
  expect(timeLike(like, NOW, SHANGHAI)).toBe(text);
});

test("a whole second has no fraction, as Python writes it; a whole float ends in .0", () => {
  expect(timeLike('"2020-01-01T08:00:00.5"', 1_764_000_000, SHANGHAI)).toBe('"2025-11-25T00:00:00"');
  expect(timeLike('"2020-01-01T08:00:00.500Z"', 1_764_000_000, SHANGHAI)).toBe('"2025-11-24T16:00:00.000Z"');
  expect(timeLike("1.5", 1_764_000_000, SHANGHAI)).toBe("1764000000.0");
});

test("every text is read as the moment that it was written for", () => {
  const likes = ['"2020-01-01T08:00:00.000001"', '"2020-01-01T08:00:00+05:45"', '"2020-01-01T08:00:00.1Z"'];
  const micros = fc.integer({ min: 0, max: 4e15 });
  fc.assert(
    fc.property(fc.constantFrom(...likes), micros, (like, at) => {
      const text = JSON.parse(timeLike(like, at / 1e6, SHANGHAI)) as string;
      // In an overlap of the clock the reader takes the first of two moments, as Python does.
      const read = Math.round(new TimeReader(SHANGHAI).parse(text) * 1e6);
      expect([0, 3_600_000_000]).toContain(at - read);
    }),
  );
});
