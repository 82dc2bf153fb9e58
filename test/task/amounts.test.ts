import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatBytes, formatDuration, parseBytes } from "../../src/task/amounts.ts";
import { parseDuration } from "../../src/task/duration.ts";

describe("parseDuration", () => {
  test.each<[string, number]>([
    ["30m", 1800],
    ["2h", 7200],
    ["1w", 604_800],
    ["90", 90],
    [".5", 0.5],
    ["0", 0],
    ["-0", 0],
    ["-1", -1],
    [" 5m ", 300],
    ["1.25h", 4500],
    ["2 hours", 7200],
    ["1.1s", 1.1],
    ["7D", 604_800],
  ])("%j is %d s", (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds);
  });

  test.each([
    "",
    `1${"a".repeat(200)}`,
    `${"1".repeat(1_000_000)}!a`, // would take hours if an expression went over it again and again
    "1h30m",
    "1x",
    "1e3",
    "+5",
    "5.",
    "٣",
    `${"9".repeat(400)}`,
  ])("%j is invalid", (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });
});

describe("formatDuration", () => {
  const texts = { "7d": 604_800, "90m": 5400, "0s": 0, "-1s": -1, "0.5s": 0.5 };
  test.each(Object.entries(texts))("%s is %d s", (text, seconds) => {
    expect(formatDuration(seconds)).toBe(text);
  });

  test("is read back as the same number of seconds", () => {
    fc.assert(fc.property(fc.integer(), (seconds) => parseDuration(formatDuration(seconds)) === seconds));
  });
});

describe("parseBytes", () => {
  const fine = { 0: 0, "12b": 12, "500 mb": 5e8, " 20GB ": 20e9, "1KiB": 1024, "1.5TB": 1.5e12, "1.0005kb": 1000 };
  test.each(Object.entries(fine))("%j is %d", (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes);
  });

  test.each(["", "20G", "-1", ".5GB", "1e9", "20 GB free", "GB", "1PB", "9999999TB"])("%j is refused", (text) => {
    expect(parseBytes(text)).toBeUndefined();
  });
});

test("bytes for people", () => {
  expect([0, 999, 1000, 20_100_000_000].map(formatBytes)).toEqual(["0 bytes", "999 bytes", "1.0 kB", "20.1 GB"]);
  expect([1.5e6, 1e12, 5e15].map(formatBytes)).toEqual(["1.5 MB", "1.0 TB", "5000.0 TB"]);
});
