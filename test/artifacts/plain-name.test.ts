import { expect, it } from "vitest";
import { isPlainName, isPurgeFolder } from "../../src/artifacts/plain-name.ts";
import { printableJson } from "../../src/printable.ts";

it.each(["t01", "张三", "a b", "...", "-rf", "*", "a:b", "😀", "a".repeat(255), "é".repeat(127)])(
  "%j is a plain name",
  (id) => {
    expect(isPlainName(id)).toBe(true);
  },
);

it.each(["", ".", "..", "/", "a/b", "../x", "/etc", "C:\\", "a\\b", "a\0b", "a\nb", "\u007f", "\u0085", "\ud800"])(
  "%j is not",
  (id) => {
    expect(isPlainName(id)).toBe(false);
  },
);

it("counts bytes, the suffix too", () => {
  expect(isPlainName("a".repeat(256))).toBe(false);
  expect(isPlainName("é".repeat(128))).toBe(false);
  expect(isPlainName("a".repeat(251), ".log")).toBe(true);
  expect(isPlainName("a".repeat(252), ".log")).toBe(false);
});

it("knows the purge folder in any case", () => {
  expect(isPurgeFolder(".TTSCTL-purge")).toBe(true);
  expect(isPurgeFolder("ttsctl-purge")).toBe(false);
});

it("quotes characters that control a terminal", () => {
  expect(printableJson('a"\x1b[31m\n\u009b\u202eb张')).toBe('"a\\"\\u001b[31m\\n\\u009b\\u202eb张"');
});
