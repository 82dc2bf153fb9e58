import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Spans, scanRecord } from "../../src/json/record.ts";
import { JsonIncomplete, JsonSyntaxError, skipSpace, skipValue } from "../../src/json/scan.ts";
import { LONG } from "../helpers/long.ts";
import { runs } from "../helpers/python.ts";
import { brokenText, cutText, jsonText, objectText } from "./json-text.ts";

type Scan = (bytes: Buffer, from: number, end: number) => number;
const spans = new Spans();
const scanObject: Scan = (bytes, from, end) => scanRecord(bytes, from, end, spans);

/** Whether a whole text is one value, with white space around it. The newline is what ends a number. */
function accepts(scan: Scan, text: string): boolean {
  const bytes = Buffer.from(`${text}\n`);
  const from = skipSpace(bytes, 0, bytes.length);
  try {
    const end = scan(bytes, from, bytes.length);
    return skipSpace(bytes, end, bytes.length) === bytes.length;
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    expect(error.position).toBeGreaterThanOrEqual(Math.min(from, bytes.length - 1));
    expect(error.position).toBeLessThan(bytes.length);
    return false;
  }
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe("accepts exactly the texts that JSON.parse accepts", () => {
  test("JSON", () => {
    fc.assert(
      fc.property(jsonText, ({ compact, spaced }) => accepts(skipValue, compact) && accepts(skipValue, spaced)),
      { numRuns: runs(2000) },
    );
    fc.assert(
      fc.property(objectText, ({ spaced }) => accepts(scanObject, spaced)),
      { numRuns: runs(2000) },
    );
  });

  test.each([
    ["broken", brokenText],
    ["cut", cutText],
  ])("%s texts", (_, texts) => {
    let refused = 0;
    const count = runs(10_000);
    fc.assert(
      fc.property(texts, (text) => {
        const valid = parses(text);
        if (!valid) refused++;
        expect(accepts(skipValue, text)).toBe(valid);
        if (text.trimStart().startsWith("{")) expect(accepts(scanObject, text)).toBe(valid);
      }),
      { numRuns: count },
    );
    // Texts that are nearly all good, or nearly all bad, would show nothing.
    expect(refused).toBeGreaterThan(count / 50);
    expect(refused).toBeLessThan(count * 0.95);
  });

  test("every text of up to five characters of an alphabet", { tags: ["slow"] }, () => {
    const alphabet = ["{", "}", "[", "]", ",", ":", '"', "\\", "0", "1", "-", ".", "e", "u", " "];
    let texts = [""];
    const differing: string[] = [];
    for (let length = 1; length <= 5; length++) {
      texts = texts.flatMap((text) => alphabet.map((char) => text + char));
      const nth = { 4: LONG ? 1 : 10, 5: LONG ? 10 : 500 }[length] ?? 1;
      for (const text of texts.filter((_, i) => i % nth === 0)) {
        if (accepts(skipValue, text) !== parses(text)) differing.push(text);
      }
    }
    expect(differing).toEqual([]);
  });
});

test("bytes that end within a value are incomplete, wherever they end; later bytes don't matter", () => {
  fc.assert(
    fc.property(jsonText, fc.string(), ({ spaced }, more) => {
      const bytes = Buffer.from(`${spaced.trim()}\n`);
      const end = bytes.length - 1;
      const scalar = !'{["'.includes(spaced.trim()[0]!);
      for (let cut = 0; cut < end; cut++) {
        expect(() => skipValue(bytes, 0, cut)).toThrow(JsonIncomplete);
        if (bytes[0] === 0x7b && cut > 0) expect(() => scanObject(bytes, 0, cut)).toThrow(JsonIncomplete);
      }
      expect(skipValue(bytes, 0, bytes.length)).toBe(end);
      if (!scalar) expect(skipValue(Buffer.concat([bytes.subarray(0, end), Buffer.from(more)]), 0, end)).toBe(end);
    }),
    { numRuns: runs(500) },
  );
});

test.each<[string, number]>([
  ["nope", 0],
  ["[1 2]", 3],
  ["[1,]", 3],
  ["[01]", 2],
  ["[1.]", 3],
  ["[1e+]", 4],
  ['{"a":1,}', 7],
  ['{"a" 1}', 5],
  ['{"a":}', 5],
  ["{a:1}", 1],
  ["[-Infinity]", 2],
  ['{"a":[1,{"b":[}]}', 14],
  ['["a\nb"]', 3],
  ['["\\x"]', 3],
  ["[1}", 2],
  ['{"a":1]', 6],
])("what is wrong with %j is at %d", (text, position) => {
  const bytes = Buffer.from(`${text}\n`);
  const scans = text.startsWith("{") ? [skipValue, scanObject] : [skipValue];
  for (const scan of scans) {
    expect(() => scan(bytes, 0, bytes.length)).toThrow(expect.objectContaining({ name: "JsonSyntaxError", position }));
  }
});
