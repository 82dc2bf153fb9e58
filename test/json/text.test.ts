import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compactJson, decodeString, isBlank, type JsonLayout, layOutJson } from "../../src/json/scan.ts";
import { askPython, runs } from "../helpers/python.ts";
import { jsonText, stringText } from "./json-text.ts";

test("compactJson takes the white space between tokens, and keeps the text of strings and numbers", () => {
  fc.assert(
    fc.property(jsonText, fc.nat(3), ({ compact, spaced }, shift) => {
      const bytes = Buffer.from(`${"x".repeat(shift)}${spaced}y`);
      expect(compactJson(bytes, shift, bytes.length - 1)).toBe(compact.toWellFormed());
    }),
    { numRuns: runs(2000) },
  );
});

test("decodeString returns the same as JSON.parse", () => {
  fc.assert(
    fc.property(stringText, (text) => {
      const bytes = Buffer.from(`[${text}]`);
      expect(decodeString(bytes, 1, bytes.length - 1)).toBe(JSON.parse(text.toWellFormed()));
    }),
    { numRuns: runs(1000) },
  );
});

describe("layOutJson is Python's json.dumps", () => {
  const value = fc.jsonValue({ stringUnit: "binary", maxDepth: 5 });
  const values = [{}, [], [[]], [{}], { a: {} }, { "": [[], {}] }, ...fc.sample(value, 1500)];
  type Name = "line" | "2" | "4" | "tab" | "0" | "inside" | "compact";
  const written = askPython<Record<Name, string>[]>(new URL("layouts.py", import.meta.url), values);
  const indented = (indent: string): JsonLayout => ({ indent, itemSeparator: ",", keySeparator: ": " });

  test.each<[Name, JsonLayout]>([
    ["line", { indent: null, itemSeparator: ", ", keySeparator: ": " }],
    ["compact", { indent: null, itemSeparator: ",", keySeparator: ":" }],
    ["2", indented("  ")],
    ["4", indented("    ")],
    ["tab", indented("\t")],
    ["0", indented("")],
  ])("%s", (name, layout) => {
    expect(written.map(({ compact }) => layOutJson(compact, layout, 0))).toEqual(written.map((texts) => texts[name]));
  });

  test("as the item of a list", () => {
    const laidOut = written.map(({ compact }) => `[\n  ${layOutJson(compact, indented("  "), 1)}\n]`);
    expect(laidOut).toEqual(written.map(({ inside }) => inside));
  });
});

test.each<[string, number, number, boolean]>([
  ["", 0, 0, true],
  [" \t\r\n", 0, 4, true],
  ["x \n y", 1, 4, true],
  ["x \n y", 0, 4, false],
  [" \v", 0, 2, false],
])("isBlank of %j from %d to %d is %j", (text, from, end, blank) => {
  expect(isBlank(Buffer.from(text), from, end)).toBe(blank);
});
