import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { byValue, type JsonValue, jsonOf, NumberText, parseJsonValue, sameJson } from "../../src/json/value.ts";
import { runs } from "../helpers/python.ts";
import { jsonText, plainJson, plainObject } from "./json-text.ts";

/** The value as JSON.parse would give it. */
function plain(value: JsonValue): unknown {
  if (value instanceof NumberText) return Number(value.text);
  if (Array.isArray(value)) return value.map(plain);
  if (!(value instanceof Map)) return value;
  const object: Record<string, unknown> = {};
  for (const [key, item] of value) {
    Object.defineProperty(object, key, { value: plain(item), enumerable: true, configurable: true, writable: true });
  }
  return object;
}

describe("parseJsonValue", () => {
  test("has the meaning that JSON.parse gives it", () => {
    fc.assert(
      fc.property(jsonText, ({ spaced }) => {
        expect(plain(parseJsonValue(spaced))).toEqual(JSON.parse(spaced));
      }),
      { numRuns: runs(2000) },
    );
  });

  test("a number that a double preserves is a number, any other keeps its text", () => {
    const texts = ["0", "-1", "1.5", "1e+21", "9007199254740991", "1.0", "1e5", "-0", "12345678901234567890", "0.10"];
    const kinds = texts.map((text) => {
      const value = parseJsonValue(text);
      return value instanceof NumberText ? `text ${value}` : typeof value;
    });
    const kept = texts.slice(5).map((text) => `text ${text}`);
    expect(kinds).toEqual(["number", "number", "number", "number", "number", ...kept]);
  });

  test("keys of Object.prototype are keys like any, in their order", () => {
    const json = '{"b":1,"__proto__":{"x":1},"10":2,"constructor":null,"a":3,"9":4}';
    const value = parseJsonValue(json) as Map<string, JsonValue>;
    expect([...value.keys()]).toEqual(["b", "__proto__", "10", "constructor", "a", "9"]);
    expect(jsonOf(value)).toBe(json);
    expect(({} as { x?: number }).x).toBeUndefined();
  });
});

describe("sameJson", () => {
  test("is so for the same text with its keys in another order and its spaces elsewhere", () => {
    const shuffled = (value: JsonValue, seed: number): JsonValue => {
      if (Array.isArray(value)) return value.map((item) => shuffled(item, seed));
      if (!(value instanceof Map)) return value;
      const entries = [...value].map(([key, item]) => [key, shuffled(item, seed)] as const);
      return new Map(entries.sort(([a], [b]) => ((a.length * 31 + seed) % 7) - ((b.length * 31 + seed) % 7)).reverse());
    };
    fc.assert(
      fc.property(plainJson, fc.nat(), (json, seed) => {
        const other = jsonOf(shuffled(parseJsonValue(json), seed)).replace(/^\{/, "{ ");
        expect(sameJson(json, other)).toBe(true);
        expect(sameJson(other, json)).toBe(true);
      }),
    );
  });

  test("differs if one value was changed, added or removed", () => {
    fc.assert(
      fc.property(plainObject, plainJson, (json, item) => {
        const bigger = json === "{}" ? `{"new":${item}}` : `${json.slice(0, -1)},"new key":${item}}`;
        fc.pre(!json.includes('"new'));
        expect(sameJson(json, bigger)).toBe(false);
        expect(sameJson(bigger, json)).toBe(false);
        expect(sameJson(`[${item}]`, `[${item},${item}]`)).toBe(false);
        expect(sameJson(`{"a":${item}}`, `{"b":${item}}`)).toBe(false);
        expect(sameJson(`{"a":[${item}]}`, `{"a":${item}}`)).toBe(false);
      }),
    );
  });

  test.each<[string, string, boolean]>([
    ["[1e5, -0]", "[100000.0, 0]", true],
    ["1", '"1"', false],
  ])("by value, of %s and %s: %s", (a, b, same) => {
    expect(sameJson(a, b, byValue)).toBe(same);
  });

  test.each<[string, string, boolean]>([
    ["1.0", "1.0", true],
    ["1.0", "1", false],
    ["12345678901234567890", "12345678901234567891", false],
    ["1", '"1"', false],
    ["{}", "[]", false],
    ['"\\u4f60"', '"你"', true],
    ['{"a":1,"a":2}', '{"a":2}', true],
    ["[1,2]", "[2,1]", false],
  ])("%s and %s: %j", (a, b, same) => {
    expect([sameJson(a, b), sameJson(b, a)]).toEqual([same, same]);
  });
});

test.each([
  ["arrays", "[", "]"],
  ["objects", '{"a":', "}"],
])("100,000 levels of %s", { tags: ["slow"] }, (_, open, close) => {
  const deep = (inside: string) => `${open.repeat(100_000)}${inside}${close.repeat(100_000)}`;
  expect(jsonOf(parseJsonValue(deep("1.0"))) === deep("1.0")).toBe(true);
  expect(sameJson(deep("1.0"), deep(" 1.0"))).toBe(true);
  expect(sameJson(deep("1.0"), deep("1"))).toBe(false);
});
