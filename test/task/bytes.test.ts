import { describe, expect, test } from "vitest";
import { formatBytes, parseBytes } from "../../src/task/amounts.ts";

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
